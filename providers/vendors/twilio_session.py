"""Twilio's official SDK on our own transport, so that outcomes are certain and nothing of a message is logged."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import httpx2
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown, Rejected, Throttled, Unsupported
from hookpoint.providers.exchange import Answer
from hookpoint.providers.http_provider import ErrorType, HttpProvider, at, text_at
from hookpoint.providers.http_settings import HttpSettings
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.settings import setting

STATUSES: Final[Mapping[str, Status]] = {
    "accepted": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "queued": Status.QUEUED,
    "sending": Status.QUEUED,
    "pending": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "partially_delivered": Status.SENT,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
    # calls
    "initiated": Status.QUEUED,
    "ringing": Status.SENT,
    "in-progress": Status.SENT,
    "completed": Status.DELIVERED,
    "busy": Status.UNDELIVERED,
    "no-answer": Status.UNDELIVERED,
}

BY_CODE: Final[Mapping[str, ErrorType]] = {
    "20003": Misconfigured,  # authentication
    "20404": Misconfigured,
    "20429": Throttled,
    "14107": Throttled,
    "21211": Rejected,  # recipient: not valid
    "21214": Rejected,
    "21215": Unsupported,  # geographic permission, voice
    "21216": Unsupported,
    "21217": Rejected,
    "21219": Misconfigured,  # trial accounts reach verified numbers only
    "21408": Unsupported,  # geographic permission, messages
    "21606": Misconfigured,  # sender
    "21608": Misconfigured,
    "21610": Rejected,  # the recipient unsubscribed
    "21611": Throttled,
    "21612": Unsupported,  # this sender cannot reach that recipient
    "21614": Rejected,
    "21617": Rejected,
    "21660": Misconfigured,
    "30001": Throttled,
    "30450": Rejected,  # fraud guard
    "60200": Rejected,
    "60203": Throttled,
    "60205": Rejected,
    "60207": Throttled,
    "60212": Throttled,
    "60220": Misconfigured,  # use case vetting: own codes need Twilio's consent
    "60410": Rejected,  # fraud guard
    "60605": Unsupported,
    "63038": Throttled,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioAccount(HttpSettings):
    """Who pays, and where Twilio is."""

    account_sid: str = setting("account SID, AC…")
    auth_token: str | None = setting("the account's auth token", default=None, secret=True)
    api_key: str | None = setting("SID of an API key, SK…, instead of the auth token", default=None)
    api_key_secret: str | None = setting("secret of the API key", default=None, secret=True)
    region: str | None = setting("Twilio region, such as ie1", default=None)
    edge: str | None = setting("Twilio edge, such as dublin", default=None)
    base_url: str | None = setting("address of a compatible server in place of twilio.com", default=None)

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if (self.auth_token is None) == (self.api_key is None or self.api_key_secret is None):
            raise ValueError("either 'auth_token' or both 'api_key' and 'api_key_secret' must be set")


class TwilioProvider(HttpProvider):
    """Base of the two Twilio products."""

    by_code: ClassVar[Mapping[str, ErrorType]] = BY_CODE

    def __init__(
        self, name: str, account: TwilioAccount, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(name, account, transport=transport)
        self._account = account

    async def call(self, message: Message, create: Callable[[Client], Awaitable[Any]]) -> Receipt:
        """Run one creating call of the SDK and read the sid and status of what it created."""
        try:
            created = await create(self._client(message))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise OutcomeUnknown("the answer was positive but not readable", provider=self.name) from None
        if not created.sid:
            raise OutcomeUnknown("the answer was positive but had no sid", provider=self.name)
        return Receipt(provider=self.name, id=created.sid, status=STATUSES.get(str(created.status), Status.UNKNOWN))

    def explain(self, answer: Answer) -> tuple[str, str]:
        body = answer.json()
        return text_at(body, "code"), text_at(body, "message") or str(at(body, "detail") or "")

    def _client(self, message: Message) -> Client:
        account = self._account
        return Client(
            username=account.api_key or account.account_sid,
            password=account.api_key_secret or account.auth_token,
            account_sid=account.account_sid,
            region=account.region,
            edge=account.edge,
            http_client=_Transport(self, message, account.base_url),
            # An empty one would make the SDK read TWILIO_EDGE and TWILIO_REGION.
            environment={"TWILIO": ""},
        )


class _Transport(AsyncHttpClient):  # type: ignore[misc]
    """The SDK's seam: one call of it becomes one exchange, and a negative answer becomes our error."""

    def __init__(self, provider: TwilioProvider, message: Message, base_url: str | None) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)  # the base logs only in methods we do not call
        self._provider = provider
        self._message = message
        self._base_url = base_url

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        del params, timeout, allow_redirects
        url = httpx2.URL(uri)
        if self._base_url:
            url = httpx2.URL(self._base_url.rstrip("/") + url.raw_path.decode("ascii"))
        request = httpx2.Request(method, url, data=data, headers=headers)
        if auth is not None:
            request = next(httpx2.BasicAuth(*auth).auth_flow(request))
        answer = await self._provider.exchange(request)
        if not 200 <= answer.status < 300:
            raise self._provider.failure(answer, self._message)
        return Response(answer.status, answer.text, answer.headers)
