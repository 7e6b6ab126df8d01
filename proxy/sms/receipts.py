"""The routes on which vendors report what became of messages."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import structlog
from starlette.types import Receive, Scope, Send

from hookpoint.providers import CallbackRefused, StatusUpdate
from hookpoint.providers.receipts import Callback, Reader, reader
from hookpoint.proxy.answers import Answer, error_answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.config import Settings
from hookpoint.proxy.config.sms_consistency import receipt_kind
from hookpoint.proxy.flows.intercepted import ClientLeft, read_body
from hookpoint.proxy.own_routes import OwnRoute
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.upstream.clients import TrustedProxies, client_of

KIND: Final = "sms_receipts"
MAX_BYTES: Final = 64 * 1024
_BODY_SECONDS: Final = 10.0
_METHODS: Final = ("GET", "POST")  # Kannel reports by GET
_NOTHING: Final = Answer(status=204, headers=((b"cache-control", b"no-store"),))

Report = Callable[[StatusUpdate], Awaitable[None]]

log = structlog.get_logger(__name__)


def receipt_routes(settings: Settings, report: Report) -> Iterator[OwnRoute]:
    """The routes that `[[sms.receipts]]` names."""
    kinds = {each.name: receipt_kind(each.type, each.own) for each in settings.sms.providers}
    address = PublicAddress(settings)
    for each in settings.sms.receipts:
        read = reader(kinds[each.provider])
        assert read is not None, "the configuration lets no other through"
        secrets = [secret.get_secret_value() for secret in each.secrets]
        flow = ReceiptFlow(each.provider, read, secrets, report, address=address)
        yield OwnRoute(kind=KIND, path=each.route_path, flow=flow)


class PublicAddress:
    """The URL of a request as whoever sent it wrote it: vendors sign it.

    The origin is `server.public_url`, else that of the issuer, else what the request and trusted proxies say.
    """

    def __init__(self, settings: Settings) -> None:
        issuer = urlsplit(settings.upstream.issuer or "")
        self._origin = settings.server.public_url or (f"{issuer.scheme}://{issuer.netloc}" if issuer.netloc else None)
        self._trusted = TrustedProxies(map(str, settings.server.trusted_proxies))

    def __call__(self, scope: Scope) -> str:
        """Return the URL, query included; raises CallbackRefused when whoever sent it wrote none."""
        origin = self._origin
        if origin is None:
            caller = client_of(scope, self._trusted)
            origin = f"{caller.scheme}://{caller.host or ''}"
        raw: bytes | None = scope.get("raw_path")
        path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        url = f"{origin}{path}?{query}" if query else f"{origin}{path}"
        try:
            _ = urlsplit(url).port
        except ValueError:
            raise CallbackRefused("the request names a host that cannot be read; set server.public_url") from None
        return url


class ReceiptFlow:
    """Takes the reports of one provider: genuine ones are answered 204, others 403, and nothing of them is repeated.

    While the store is down the answer is 503, so that the vendor reports again. `now` is in seconds since 1970.
    """

    def __init__(
        self,
        provider: str,
        read: Reader,
        secrets: Sequence[str],
        report: Report,
        *,
        address: Callable[[Scope], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._read = read
        self._secrets = secrets
        self._report = report
        self._address = address
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one report; returns `taken` or the code of what was wrong, for metrics."""
        if scope["method"] not in _METHODS:
            return await _refuse(send, scope, 405, "method_not_allowed", "Only GET and POST are served here.")
        try:
            updates = await self._updates(scope, receive)
        except ClientLeft:
            return "client_left"
        except BodyRefused as refused:
            return await _refuse(send, scope, refused.status, refused.code, refused.description)
        except CallbackRefused as error:
            log.warning("sms_report_refused", provider=self._provider, code=error.code, reason=str(error))
            return await _refuse(send, scope, 403, error.code, error.public)
        try:
            for update in updates:
                await self._report(update)
        except StoreError as error:
            log.error("sms_store_failed", code=error.code, reason=str(error))
            return await _refuse(send, scope, 503, "temporarily_unavailable", "Try again later.")
        await _NOTHING.send(send)
        return "taken"

    async def _updates(self, scope: Scope, receive: Receive) -> tuple[StatusUpdate, ...]:
        body = await read_body(receive, max_bytes=MAX_BYTES, timeout=_BODY_SECONDS)
        callback = Callback(headers=_fields(scope), url=self._address(scope), body=body, method=scope["method"])
        return self._read(callback, self._secrets, provider=self._provider, now=self._now())


def _fields(scope: Scope) -> Mapping[str, str]:
    """The header fields; a signature that is there twice becomes one that fits nothing."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


async def _refuse(send: Send, scope: Scope, status: int, code: str, description: str) -> str:
    headers = ((b"allow", ", ".join(_METHODS).encode()),) if status == 405 else ()
    await error_answer(status, code, description, headers=headers).send(send, body=scope["method"] != "HEAD")
    return code
