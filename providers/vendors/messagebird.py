"""MessageBird's classic SMS API, as Bird still serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import httpx2

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown, Rejected
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import ErrorType, OneCallProvider, text_at
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting

STATUSES: Final[Mapping[str, Status]] = {
    "scheduled": Status.QUEUED,
    "buffered": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "delivery_failed": Status.UNDELIVERED,
    "expired": Status.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBirdSettings(HttpSettings):
    """Key and sender."""

    access_key: str = setting("live access key", secret=True)
    sender: str = setting("number or alphanumeric sender", key="from")
    report_url: str | None = setting("address for delivery reports", default=None)
    validity: int | None = setting("seconds after which an undelivered message is dropped", default=None)
    base_url: str = setting("address of the API", default="https://rest.messagebird.com")


class MessageBird(OneCallProvider):
    """Texts; POST /messages, answered 201 with ``id``; numbers are written without a plus sign."""

    settings_type: ClassVar[type[Any]] = MessageBirdSettings
    capabilities = Capabilities(
        senders=frozenset({"number", "alphanumeric", "short_code"}),
        receipts="signed",
        validity=True,
        max_characters=1377,
    )
    by_code: ClassVar[Mapping[str, ErrorType]] = {
        "2": Misconfigured,  # access key
        "9": Rejected,
        "10": Rejected,
        "20": Misconfigured,
        "25": Misconfigured,  # balance
        "98": Misconfigured,
        "99": OutcomeUnknown,
    }

    def __init__(
        self, name: str, settings: MessageBirdSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def build(self, message: Message) -> httpx2.Request:
        settings = self._settings
        body: dict[str, object] = {
            "originator": (message.sender or settings.sender).removeprefix("+"),
            "recipients": [message.recipient.removeprefix("+")],
            "body": message.text,
            "datacoding": "auto",
        }
        if settings.report_url:
            # Reports are only sent for messages that have a reference.
            body |= {"reportUrl": settings.report_url, "reference": message.reference or "hookpoint"}
        elif message.reference:
            body["reference"] = message.reference
        if settings.validity:
            body["validity"] = settings.validity
        return httpx2.Request(
            "POST",
            f"{settings.base_url.rstrip('/')}/messages",
            json=body,
            headers={"authorization": f"AccessKey {settings.access_key}", "accept": "application/json"},
        )

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        del message
        body = answer.json()
        id_ = text_at(body, "id")
        status = STATUSES.get(text_at(body, "recipients", "items", 0, "status"), Status.UNKNOWN)
        return Receipt(provider=self.name, id=id_, status=status) if id_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        return text_at(body, "errors", 0, "code"), text_at(body, "errors", 0, "description")
