"""Bird's channels API, MessageBird's successor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import quote

import httpx2

from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import OneCallProvider, text_at
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting

STATUSES: Final[Mapping[str, Status]] = {
    "accepted": Status.QUEUED,
    "processing": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "delivery_failed": Status.UNDELIVERED,
    "sending_failed": Status.FAILED,
    "rejected": Status.FAILED,
    "skipped": Status.FAILED,
    "deleted": Status.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BirdSettings(HttpSettings):
    """A channel of a workspace; the channel is the sender."""

    access_key: str = setting("access key with the role Application Developer", secret=True)
    workspace_id: str = setting("workspace")
    channel_id: str = setting("SMS channel")
    base_url: str = setting("address of the API", default="https://api.bird.com")


class Bird(OneCallProvider):
    """Texts; POST /workspaces/{workspace}/channels/{channel}/messages, answered 202 with ``id``."""

    settings_type: ClassVar[type[Any]] = BirdSettings
    capabilities = Capabilities(receipts="signed")

    def __init__(
        self, name: str, settings: BirdSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def build(self, message: Message) -> httpx2.Request:
        settings = self._settings
        body: dict[str, object] = {
            "receiver": {"contacts": [{"identifierKey": "phonenumber", "identifierValue": message.recipient}]},
            "body": {"type": "text", "text": {"text": message.text}},
        }
        if message.reference:
            body["reference"] = message.reference
        workspace, channel = quote(settings.workspace_id, safe=""), quote(settings.channel_id, safe="")
        return httpx2.Request(
            "POST",
            f"{settings.base_url.rstrip('/')}/workspaces/{workspace}/channels/{channel}/messages",
            json=body,
            headers={"authorization": f"AccessKey {settings.access_key}", "accept": "application/json"},
        )

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        del message
        body = answer.json()
        id_ = text_at(body, "id")
        status = STATUSES.get(text_at(body, "status"), Status.UNKNOWN)
        return Receipt(provider=self.name, id=id_, status=status) if id_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        return text_at(body, "code"), text_at(body, "message")
