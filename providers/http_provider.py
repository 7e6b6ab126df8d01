"""Bases for vendors that are spoken to over HTTP: calling, and telling from an answer what to do next."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Final

import httpx2

from hookpoint.providers.errors import (
    Misconfigured,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    Throttled,
    Unavailable,
)
from hookpoint.providers.exchange import Answer, exchange, open_transport
from hookpoint.providers.message import Message, Receipt
from hookpoint.providers.provider import SmsProvider
from hookpoint.providers.scrubbing import scrub

ErrorType = type[ProviderError]

BY_STATUS: Final[Mapping[int, ErrorType]] = {
    400: Rejected,
    401: Misconfigured,
    402: Misconfigured,
    403: Misconfigured,
    404: Misconfigured,
    405: Misconfigured,
    408: Unavailable,  # RFC 9110 15.5.9: the request did not arrive whole
    409: Rejected,
    410: Misconfigured,
    413: Rejected,
    415: Misconfigured,
    422: Rejected,
    429: Throttled,
    501: Misconfigured,
    503: Unavailable,
}
"""What a status means where the vendor's own code says nothing; any other 5xx has an unknown outcome."""
_LONGEST_WAIT: Final = 86_400.0


class HttpProvider(SmsProvider):
    """Calls a vendor over one pool; subclasses give tables of their vendor's codes. ``transport`` is the seam for tests."""

    by_code: ClassVar[Mapping[str, ErrorType]] = {}
    """The vendor's own codes, which go before the HTTP status."""
    by_status: ClassVar[Mapping[int, ErrorType]] = {}
    """Where the vendor's documentation says more than :data:`BY_STATUS`."""

    def __init__(
        self,
        name: str = "",
        settings: object | None = None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(name, settings)
        self._given = transport
        self._transport = transport
        self._now = now
        self.timeout: float = getattr(settings, "timeout", 10.0)
        self.connect_timeout: float = getattr(settings, "connect_timeout", 3.0)
        self._proxy: str | None = getattr(settings, "proxy", None)

    async def stop(self) -> None:
        """Close the pool, unless it was given from outside."""
        if self._transport is not None and self._given is None:
            transport, self._transport = self._transport, None
            await transport.aclose()

    async def exchange(self, request: httpx2.Request) -> Answer:
        """Make one call; see :func:`hookpoint.providers.exchange.exchange` for what it raises."""
        if self._transport is None:
            self._transport = open_transport(self._proxy)
        return await exchange(
            self._transport,
            request,
            provider=self.name,
            connect_timeout=self.connect_timeout,
            timeout=self.timeout,
        )

    def explain(self, answer: Answer) -> tuple[str, str]:
        """The vendor's own code and explanation in a negative answer, empty where there is none."""
        del answer
        return "", ""

    def failure(self, answer: Answer, message: Message) -> ProviderError:
        """Turn a negative answer into the error that says what to do next."""
        code, detail = self.explain(answer)
        if 300 <= answer.status < 400:
            return Misconfigured("answered with a redirect, which is not followed", provider=self.name)
        kind = self.by_code.get(code) or self.by_status.get(answer.status) or BY_STATUS.get(answer.status)
        if kind is None:
            kind = OutcomeUnknown if answer.status >= 500 else Rejected
        return self.error(kind, f"answered {answer.status}", code, detail, message, answer.headers)

    def error(
        self,
        kind: ErrorType,
        what: str,
        code: str,
        detail: str,
        message: Message,
        headers: Mapping[str, str] | None = None,
    ) -> ProviderError:
        """An error whose detail was cleaned of what the vendor repeated of the message."""
        said = scrub(detail, message)
        text = f"{what}: {said}" if said else what
        code = scrub(code, message) if not code.isalnum() or len(code) > 24 else code
        if kind is Throttled:
            wait = retry_after(headers or {}, now=self._now())
            return Throttled(text, retry_after=wait, provider=self.name, provider_code=code)
        return kind(text, provider=self.name, provider_code=code)


class OneCallProvider(HttpProvider):
    """One message, one HTTP call: the vendor's module says how a message is written and how an answer is read."""

    async def send(self, message: Message) -> Receipt:
        """Build the vendor's request, send it once, read its answer."""
        self.check(message)
        answer = await self.exchange(await self.build(message))
        if not 200 <= answer.status < 300:
            raise self.failure(answer, message)
        receipt = self.read(answer, message)
        if receipt is None:
            raise OutcomeUnknown("the answer was positive but had no message id", provider=self.name)
        return receipt

    @abstractmethod
    async def build(self, message: Message) -> httpx2.Request:
        """The vendor's request for this message."""

    @abstractmethod
    def read(self, answer: Answer, message: Message) -> Receipt | None:
        """The receipt in a positive answer; None when there is no id. May raise what :meth:`failure` makes."""


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds out of a Retry-After field, in either of its forms (RFC 9110 10.2.3); a day at most, whatever it says."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), _LONGEST_WAIT)


def at(value: Any, *path: str | int) -> Any:
    """Follow a path into decoded JSON; None where it leads nowhere."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def text_at(value: Any, *path: str | int) -> str:
    """The text or number at a path into decoded JSON, empty where there is neither."""
    found = at(value, *path)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
