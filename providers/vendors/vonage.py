"""Vonage Messages API v1."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from hookpoint.providers.errors import Misconfigured, Rejected, Throttled
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import ErrorType, OneCallProvider, text_at
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.message import Message, Receipt
from hookpoint.providers.provider import Capabilities
from hookpoint.providers.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class VonageSettings(HttpSettings):
    """Credentials of an account, or of an application."""

    sender: str = setting("number without plus sign, or alphanumeric sender", key="from")
    api_key: str | None = setting("account key", default=None)
    api_secret: str | None = setting("account secret", default=None, secret=True)
    application_id: str | None = setting("application, instead of key and secret", default=None)
    private_key: str | None = setting("the application's RSA key in PEM", default=None, secret=True)
    webhook_url: str | None = setting("address for delivery reports", default=None)
    validity: int | None = setting("seconds after which an undelivered message is dropped", default=None)
    base_url: str = setting("address of the API", default="https://api.nexmo.com")

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if not (self.api_key and self.api_secret) and not (self.application_id and self.private_key):
            raise ValueError("either 'api_key' and 'api_secret' or 'application_id' and 'private_key' must be set")
        if self.private_key:
            try:
                RSAKey.import_key(self.private_key)
            except ValueError:
                raise ValueError("'private_key' is no RSA key in PEM") from None


class Vonage(OneCallProvider):
    """Texts; POST /v1/messages, answered 202 with ``message_uuid``."""

    settings_type: ClassVar[type[Any]] = VonageSettings
    capabilities = Capabilities(
        senders=frozenset({"number", "alphanumeric", "short_code"}),
        receipts="signed",
        validity=True,
        max_characters=3200,
    )
    # The fragment of the problem's type: https://developer.vonage.com/api-errors/messages#1000
    by_code: ClassVar[Mapping[str, ErrorType]] = {
        "1000": Throttled,
        "1020": Rejected,
        "1030": Misconfigured,
        "1160": Rejected,
        "1170": Rejected,
        "1180": Rejected,
        "1210": Rejected,
    }

    def __init__(
        self,
        name: str,
        settings: VonageSettings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        super().__init__(name, settings, transport=transport)
        self._settings = settings
        self._clock = clock
        self._new_id = new_id

    async def build(self, message: Message) -> httpx2.Request:
        settings = self._settings
        body: dict[str, object] = {
            "channel": "sms",
            "message_type": "text",
            "to": message.recipient.removeprefix("+"),
            "from": (message.sender or settings.sender).removeprefix("+"),
            "text": message.text,
        }
        if settings.validity:
            body["ttl"] = settings.validity
        if settings.webhook_url:
            body["webhook_url"] = settings.webhook_url
        if message.reference:
            body["client_ref"] = message.reference
        request = httpx2.Request("POST", f"{settings.base_url.rstrip('/')}/v1/messages", json=body)
        if settings.application_id and settings.private_key:
            request.headers["authorization"] = f"Bearer {self._token(settings.application_id, settings.private_key)}"
        else:
            request = next(httpx2.BasicAuth(settings.api_key or "", settings.api_secret or "").auth_flow(request))
        return request

    def read(self, answer: Answer, message: Message) -> Receipt | None:
        del message
        uuid_ = text_at(answer.json(), "message_uuid")
        return Receipt(provider=self.name, id=uuid_) if uuid_ else None

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        code = text_at(body, "type").rpartition("#")[2]
        return code, text_at(body, "detail") or text_at(body, "title")

    def _token(self, application: str, key: str) -> str:
        now = int(self._clock())
        claims = {"application_id": application, "iat": now, "exp": now + 300, "jti": self._new_id()}
        return jwt.encode({"alg": "RS256", "typ": "JWT"}, claims, RSAKey.import_key(key))
