"""Infobip SMS API v3 and its text-to-speech calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import httpx2

from hookpoint.providers.errors import Misconfigured, Rejected, Throttled
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import ErrorType, OneCallProvider, text_at
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting
from hookpoint.providers.spoken import spoken

STATUSES: Final[Mapping[str, Status]] = {
    "ACCEPTED": Status.QUEUED,
    "PENDING": Status.QUEUED,
    "DELIVERED": Status.DELIVERED,
    "UNDELIVERABLE": Status.UNDELIVERED,
    "EXPIRED": Status.EXPIRED,
    "REJECTED": Status.FAILED,
}
"""By status group."""

# Names of statuses in the group REJECTED that say more than "no".
_REJECTIONS: Final[Mapping[str, ErrorType]] = {
    "REJECTED_NOT_ENOUGH_CREDITS": Misconfigured,
    "REJECTED_SENDER": Misconfigured,
    "REJECTED_ROUTE_NOT_AVAILABLE": Misconfigured,
    "REJECTED_FLOODING_FILTER": Throttled,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InfobipSettings(HttpSettings):
    """The account's own address, key and senders."""

    base_url: str = setting("the account's address, https://….api.infobip.com")
    api_key: str = setting("API key", secret=True)
    sender: str | None = setting("number, short code or alphanumeric sender", key="from", default=None)
    voice_from: str | None = setting("number that calls", default=None)
    status_url: str | None = setting("address for delivery reports", default=None)


class Infobip(OneCallProvider):
    """Texts by POST /sms/3/messages and calls by POST /tts/3/single, both answered 200 with a status for each."""

    settings_type: ClassVar[type[Any]] = InfobipSettings
    capabilities = Capabilities(
        kinds=frozenset({"sms", "voice"}),
        senders=frozenset({"number", "alphanumeric", "short_code"}),
        receipts="unsigned",
    )
    by_code: ClassVar[Mapping[str, ErrorType]] = {"E400": Rejected, "E401": Misconfigured, "E429": Throttled}

    def __init__(
        self, name: str, settings: InfobipSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def build(self, message: Message) -> httpx2.Request:
        path, body = ("/tts/3/single", self._call(message)) if message.kind == "voice" else self._text(message)
        return httpx2.Request(
            "POST",
            self._settings.base_url.rstrip("/") + path,
            json=body,
            headers={"authorization": f"App {self._settings.api_key}", "accept": "application/json"},
        )

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        body = answer.json()
        group = text_at(body, "messages", 0, "status", "groupName")
        if group in ("REJECTED", "UNDELIVERABLE"):
            name = text_at(body, "messages", 0, "status", "name")
            kind = _REJECTIONS.get(name, Rejected)
            raise self.error(kind, "answered 200", name, text_at(body, "messages", 0, "status", "description"), message)
        id_ = text_at(body, "messages", 0, "messageId")
        status = STATUSES.get(group, Status.UNKNOWN)
        return Receipt(provider=self.name, id=id_, status=status) if id_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        service = text_at(body, "requestError", "serviceException", "messageId")
        detail = text_at(body, "requestError", "serviceException", "text")
        return text_at(body, "errorCode") or service, text_at(body, "description") or detail

    def _text(self, message: Message) -> tuple[str, dict[str, object]]:
        entry: dict[str, object] = {
            "destinations": [{"to": message.recipient.removeprefix("+")}],
            "content": {"text": message.text},
        }
        if sender := message.sender or self._settings.sender:
            entry["sender"] = sender.removeprefix("+")
        if self._settings.status_url:
            entry["webhooks"] = {
                "delivery": {"url": self._settings.status_url},
                "contentType": "application/json",
            }
        return "/sms/3/messages", {"messages": [entry]}

    def _call(self, message: Message) -> dict[str, object]:
        sender = message.sender or self._settings.voice_from
        if not sender:
            raise Misconfigured("'voice_from' must be set for calls", provider=self.name)
        return {
            "to": message.recipient.removeprefix("+"),
            "from": sender.removeprefix("+"),
            "text": spoken(message),
            "language": message.language.partition("-")[0] or "en",
        }
