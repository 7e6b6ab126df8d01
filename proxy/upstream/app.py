"""The upstream as an ASGI app: whatever it is called with goes to one origin, and what comes back is passed on."""

from __future__ import annotations

import ssl
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal

import structlog

from hookpoint.proxy.upstream.clients import TrustedProxies
from hookpoint.proxy.upstream.errors import ClientGone, PoolExhausted, RequestRefused, UpstreamBroken, UpstreamError
from hookpoint.proxy.upstream.exchange import Exchange
from hookpoint.proxy.upstream.limits import Limits, Timeouts
from hookpoint.proxy.upstream.observer import ExchangeRecord
from hookpoint.proxy.upstream.origin import Origin
from hookpoint.proxy.upstream.pool import Pool
from hookpoint.proxy.upstream.refusal import refuse
from hookpoint.proxy.upstream.request import Forwarder, ends_here
from hookpoint.proxy.upstream.tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import Receive, Scope, Send

    from hookpoint.proxy.upstream.observer import ExchangeObserver
    from hookpoint.proxy.upstream.pool import PoolState

_log = structlog.get_logger(__name__)


class Upstream:
    """Forwards HTTP requests and WebSockets to one origin, streaming both ways.

    `url` is "http[s]://host[:port][/base]". `secret_header` is a field (name, value) set on every request. `reuse` "never"
    opens a connection for each request. `trusted_proxies` are the addresses and networks whose X-Forwarded-* and Forwarded
    are believed. `ssl_context` replaces the system's trust. `via` names the proxy in Via. `on_exchange` is told of every
    exchange. Raises ValueError for arguments that cannot work, UpstreamBroken out of a call whose answer broke off.

    The path is taken as the client sent it, `root_path` included.
    """

    def __init__(
        self,
        url: str,
        *,
        secret_header: tuple[str, str] | None = None,
        reuse: Literal["guarded", "never"] = "guarded",
        trusted_proxies: Sequence[str] = (),
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        ssl_context: ssl.SSLContext | None = None,
        via: str = "hookpoint",
        on_exchange: ExchangeObserver | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._origin = Origin.parse(url)
        self._timeouts = timeouts or Timeouts()
        self._limits = limits or Limits()
        self._ssl = (ssl_context or ssl.create_default_context()) if self._origin.scheme == "https" else None
        self._observe = on_exchange
        self._date = _Dates(now)
        self._websockets = 0
        self._forwarder = Forwarder(
            self._origin,
            TrustedProxies(trusted_proxies),
            via=via,
            secret=secret_header,
            close=reuse == "never",
        )
        self._pool = Pool(
            self._origin,
            limits=self._limits,
            timeouts=self._timeouts,
            ssl_context=self._ssl,
            reuse=reuse == "guarded",
        )

    @property
    def pool(self) -> PoolState:
        """How many connections are in use and idle, and how many requests wait for one."""
        return self._pool.state

    async def aclose(self) -> None:
        """Close every connection; calls that are under way break."""
        self._pool.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            await self._serve_http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise RuntimeError(f"unknown ASGI scope {scope['type']!r}")

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        exchange: Exchange | None = None
        outcome = "error"
        try:
            request = self._forwarder.prepare(scope)
            if ends_here(scope):
                await _answer_options(send)
            else:
                exchange = Exchange(request, self._pool, receive, send, timeouts=self._timeouts, date=self._date)
                await exchange.run()
            outcome = "ok"
        except ClientGone:
            outcome = ClientGone.code
        except UpstreamBroken as error:
            outcome = error.code
            _log.warning("upstream_broken", code=error.cause.code, detail=str(error), method=scope["method"])
            raise
        except UpstreamError as error:
            outcome = error.code
            _log_failure(error, scope["method"])
            await refuse(send, error)
        finally:
            if self._observe is not None:
                ended = time.perf_counter()
                self._observe(
                    ExchangeRecord(
                        kind="http",
                        method=scope["method"],
                        status=exchange.status if exchange else None,
                        outcome=outcome,
                        seconds=ended - started,
                        seconds_to_head=exchange.head_at - started if exchange and exchange.head_at else None,
                        reused=exchange.reused if exchange else False,
                    )
                )

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        tunnel: Tunnel | None = None
        outcome = "error"
        self._websockets += 1
        try:
            if self._websockets > self._limits.websockets:
                raise PoolExhausted("too many WebSockets")
            tunnel = Tunnel(
                self._forwarder.prepare(scope),
                scope,
                receive,
                send,
                origin=self._origin,
                timeouts=self._timeouts,
                limits=self._limits,
                ssl_context=self._ssl,
                date=self._date,
            )
            await tunnel.run()
            outcome = "ok"
        except ClientGone:
            outcome = ClientGone.code
        except UpstreamBroken as error:
            outcome = error.code
            _log.warning("upstream_broken", code=error.cause.code, detail=str(error), method="WEBSOCKET")
            raise
        except UpstreamError as error:
            outcome = error.code
            _log_failure(error, "WEBSOCKET")
            await _deny(scope, send, error)
        finally:
            self._websockets -= 1
            if self._observe is not None:
                self._observe(
                    ExchangeRecord(
                        kind="websocket",
                        method="GET",
                        status=tunnel.status if tunnel else None,
                        outcome=outcome,
                        seconds=time.perf_counter() - started,
                        seconds_to_head=None,
                        reused=False,
                    )
                )

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})


class _Dates:
    """The Date field's value, made once a second."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second = -1
        self._text = b""

    def __call__(self) -> bytes:
        second = int(self._now())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True).encode()
        return self._text


def _log_failure(error: UpstreamError, method: str) -> None:
    if isinstance(error, RequestRefused):
        _log.info("request_refused", code=error.code, detail=str(error), method=method)
    else:
        _log.warning("upstream_failed", code=error.code, detail=str(error), method=method)


async def _answer_options(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _deny(scope: Scope, send: Send, error: UpstreamError) -> None:
    if "websocket.http.response" in scope.get("extensions", {}):
        await refuse(send, error, event="websocket.http.response")
    else:
        await send({"type": "websocket.close"})
