"""Plivo Message API v1."""

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
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "rejected": Status.FAILED,
    "failed": Status.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlivoSettings(HttpSettings):
    """Credentials and senders."""

    auth_id: str = setting("auth ID")
    auth_token: str = setting("auth token", secret=True)
    sender: str | None = setting("number, short code or alphanumeric sender", key="from", default=None)
    powerpack_uuid: str | None = setting("Powerpack, which picks the sender", default=None)
    status_url: str | None = setting("address for delivery reports", default=None)
    validity: int | None = setting("seconds after which an undelivered message is dropped", default=None)
    keep_content: bool = setting("let Plivo keep text and full number in its log", default=False)
    base_url: str = setting("address of the API", default="https://api.plivo.com")

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if (self.sender is None) == (self.powerpack_uuid is None):
            raise ValueError("either 'from' or 'powerpack_uuid' must be set")


class Plivo(OneCallProvider):
    """Texts; POST /v1/Account/{auth_id}/Message/, answered 202 with ``message_uuid``."""

    settings_type: ClassVar[type[Any]] = PlivoSettings
    capabilities = Capabilities(
        senders=frozenset({"number", "alphanumeric", "short_code", "pool"}),
        receipts="signed",
        validity=True,
        max_characters=1600,
    )

    def __init__(
        self, name: str, settings: PlivoSettings, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings

    async def build(self, message: Message) -> httpx2.Request:
        settings = self._settings
        body: dict[str, object] = {
            "dst": message.recipient,
            "text": message.text,
            "type": "sms",
            "log": "true" if settings.keep_content else "false",
        }
        if sender := message.sender or settings.sender:
            body["src"] = sender
        else:
            body["powerpack_uuid"] = settings.powerpack_uuid
        if settings.status_url:
            body |= {"url": settings.status_url, "method": "POST"}
        if settings.validity:
            body["message_expiry"] = settings.validity
        url = f"{settings.base_url.rstrip('/')}/v1/Account/{quote(settings.auth_id, safe='')}/Message/"
        request = httpx2.Request("POST", url, json=body)
        return next(httpx2.BasicAuth(settings.auth_id, settings.auth_token).auth_flow(request))

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        del message
        id_ = text_at(answer.json(), "message_uuid", 0)
        return Receipt(provider=self.name, id=id_) if id_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        return text_at(body, "error_code"), text_at(body, "error") or text_at(body, "error", "error")
