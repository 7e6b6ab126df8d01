"""Sinch SMS API (batches)."""

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
    "queued": Status.QUEUED,
    "dispatched": Status.SENT,
    "delivered": Status.DELIVERED,
    "aborted": Status.FAILED,
    "cancelled": Status.FAILED,
    "rejected": Status.FAILED,
    "deleted": Status.FAILED,
    "failed": Status.UNDELIVERED,
    "expired": Status.EXPIRED,
    # the Conversation API's words
    "queued_on_channel": Status.SENT,
    "read": Status.DELIVERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SinchSettings(HttpSettings):
    """A service plan and its token."""

    service_plan_id: str = setting("service plan")
    api_token: str = setting("the plan's API token", secret=True)
    sender: str | None = setting(
        "number, short code or alphanumeric sender; default: the plan's", key="from", default=None
    )
    region: str = setting("region of the plan: us, eu, au, br or ca", default="us")
    callback_url: str | None = setting("address for delivery reports", default=None)
    base_url: str | None = setting("address of the API; default: that of the region", default=None)


class Sinch(OneCallProvider):
    """Texts; POST /xms/v1/{service_plan_id}/batches, answered 201 with ``id``."""

    settings_type: ClassVar[type[Any]] = SinchSettings
    capabilities = Capabilities(
        senders=frozenset({"number", "alphanumeric", "short_code"}), receipts="signed", max_characters=2000
    )

    def __init__(
        self, name: str, settings: SinchSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def build(self, message: Message) -> httpx2.Request:
        settings = self._settings
        body: dict[str, object] = {"to": [message.recipient], "body": message.text}
        if sender := message.sender or settings.sender:
            body["from"] = sender
        if settings.callback_url:
            body |= {"callback_url": settings.callback_url, "delivery_report": "per_recipient"}
        if message.reference:
            body["client_reference"] = message.reference
        base = settings.base_url or f"https://{settings.region}.sms.api.sinch.com"
        url = f"{base.rstrip('/')}/xms/v1/{quote(settings.service_plan_id, safe='')}/batches"
        return httpx2.Request("POST", url, json=body, headers={"authorization": f"Bearer {settings.api_token}"})

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        del message
        id_ = text_at(answer.json(), "id")
        return Receipt(provider=self.name, id=id_) if id_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        return text_at(body, "code"), text_at(body, "text")
