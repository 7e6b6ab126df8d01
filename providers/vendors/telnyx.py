"""Telnyx Messaging API v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import httpx2

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown, Rejected, Throttled
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import ErrorType, OneCallProvider, text_at
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting

STATUSES: Final[Mapping[str, Status]] = {
    "queued": Status.QUEUED,
    "sending": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "delivery_unconfirmed": Status.SENT,
    "sending_failed": Status.FAILED,
    "delivery_failed": Status.UNDELIVERED,
    "expired": Status.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TelnyxSettings(HttpSettings):
    """Key and senders."""

    api_key: str = setting("API key, KEY…", secret=True)
    sender: str | None = setting("number, short code or alphanumeric sender", key="from", default=None)
    messaging_profile_id: str | None = setting(
        "profile; needed for number pools and alphanumeric senders", default=None
    )
    webhook_url: str | None = setting("address for delivery reports", default=None)
    base_url: str = setting("address of the API", default="https://api.telnyx.com")

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if not (self.sender or self.messaging_profile_id):
            raise ValueError("'from' or 'messaging_profile_id' must be set")


class Telnyx(OneCallProvider):
    """Texts; POST /v2/messages, answered 200 with ``data.id``."""

    settings_type: ClassVar[type[Any]] = TelnyxSettings
    capabilities = Capabilities(
        senders=frozenset({"number", "alphanumeric", "short_code", "pool"}), receipts="signed", idempotent=True
    )
    by_code: ClassVar[Mapping[str, ErrorType]] = {
        "10001": Misconfigured,  # the sending number is inactive
        "10002": Rejected,
        "10007": OutcomeUnknown,
        "10008": OutcomeUnknown,
        "10009": Misconfigured,
        "10010": Misconfigured,
        "10011": Throttled,
        "10016": Rejected,
        "40011": Throttled,
        "40013": Misconfigured,
    }

    def __init__(
        self, name: str, settings: TelnyxSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def build(self, message: Message) -> httpx2.Request:
        settings = self._settings
        body: dict[str, object] = {"to": message.recipient, "text": message.text, "type": "SMS"}
        if sender := message.sender or settings.sender:
            body["from"] = sender
        if settings.messaging_profile_id:
            body["messaging_profile_id"] = settings.messaging_profile_id
        if settings.webhook_url:
            body["webhook_url"] = settings.webhook_url
        headers = {"authorization": f"Bearer {settings.api_key}", "accept": "application/json"}
        if message.reference:
            headers["idempotency-key"] = message.reference
        return httpx2.Request("POST", f"{settings.base_url.rstrip('/')}/v2/messages", json=body, headers=headers)

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        del message
        body = answer.json()
        status = STATUSES.get(text_at(body, "data", "to", 0, "status"), Status.UNKNOWN)
        id_ = text_at(body, "data", "id")
        return Receipt(provider=self.name, id=id_, status=status) if id_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        detail = text_at(body, "errors", 0, "detail") or text_at(body, "errors", 0, "title")
        return text_at(body, "errors", 0, "code"), detail
