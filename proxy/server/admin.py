"""The admin application: health and metrics, on a listener of its own."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

_NO_STORE = {"cache-control": "no-store"}


def create_admin(
    *,
    not_ready: Callable[[], Sequence[str]],
    exposition: Callable[[], bytes],
    allowed_hosts: Iterable[str] = (),
) -> ASGIApp:
    """Return the ASGI application of the admin listener.

    `GET /livez` answers 200 while the process serves; `GET /readyz` 200, or 503 with the reasons of `not_ready`;
    `GET /metrics` the bytes of `exposition` (Prometheus text format). `allowed_hosts` are names that Host may carry
    besides loopback names and the address a request arrived at.
    """

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"}, headers=_NO_STORE)

    async def readyz(_: Request) -> Response:
        reasons = list(not_ready())
        if reasons:
            return JSONResponse({"status": "not ready", "reasons": reasons}, status_code=503, headers=_NO_STORE)
        return JSONResponse({"status": "ready"}, headers=_NO_STORE)

    async def metrics(_: Request) -> Response:
        return Response(exposition(), headers={"content-type": CONTENT_TYPE_LATEST, **_NO_STORE})

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    return OwnHostOnly(Starlette(routes=routes), allowed_hosts)


class OwnHostOnly:
    """ASGI application in front of another that refuses requests for foreign host names (DNS rebinding)."""

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str]) -> None:
        """Let requests for loopback, for the address they came in on, and for `allowed_hosts` through."""
        self._app = app
        self._allowed = {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 for a foreign host (RFC 9110 §15.5.20); WebSockets have no place here."""
        if scope["type"] == "http" and not self._is_own(scope):
            refusal = JSONResponse(
                {"error": "invalid_request", "error_description": "This host is not served here."},
                status_code=421,
                headers=_NO_STORE,
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_own(self, scope: Scope) -> bool:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
        name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
        if name in self._allowed or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or str(address) == scope["server"][0]
