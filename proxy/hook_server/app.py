"""The application that `hookpoint hooks serve` serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.hooks import Chain, HookRun, Registry, default_rules
from hookpoint.hooks.http.formats.registry import FORMATS
from hookpoint.hooks.points import AnyPoint, credentials_exchange, token_issuance
from hookpoint.proxy.answers import error_answer
from hookpoint.proxy.config import Settings
from hookpoint.proxy.config.hook_server import HookEndpointSettings
from hookpoint.proxy.configured_hooks import configured_hooks
from hookpoint.proxy.flows.intercepted import Directory, KnownClient
from hookpoint.proxy.gateway.authentication import Authentication, Basic, Bearer, HeaderSecret
from hookpoint.proxy.gateway.signatures import StandardWebhooks, TimedHex
from hookpoint.proxy.hook_server.flow import HookFlow
from hookpoint.proxy.observability import Metrics, new_registry, new_request_id
from hookpoint.proxy.own_routes import OwnRoute, OwnRoutes
from hookpoint.proxy.routes import Refused

_TOKENS: tuple[AnyPoint, ...] = (credentials_exchange, token_issuance)
_ZITADEL = ("zitadel-signature", "x-zitadel-signature")

log = structlog.get_logger(__name__)


class NothingToServe(Exception):  # noqa: N818 - a state
    """No hook fits any endpoint; the text says what to do."""


class HookServer:
    """Serves the configured hooks at `PATH/POINT` of each endpoint.

    Raises HookDefinitionError and NothingToServe, so that what is wrong with the configuration shows at start.
    """

    def __init__(
        self, settings: Settings, *, metrics: Metrics | None = None, new_id: Callable[[], str] = new_request_id
    ) -> None:
        self.metrics = metrics or Metrics(new_registry())
        self._settings = settings
        self._new_id = new_id
        self._registry = Registry(configured_hooks(settings.hooks, settings))
        self._chain = Chain(
            self._registry,
            rules=default_rules(grantable_scopes=settings.tokens.grantable_scopes),
            timeout=settings.limits.hook_timeout,
            total_timeout=settings.limits.hooks_timeout,
            observer=self._observe,
        )
        self._directory = Directory(
            {
                client_id: KnownClient(name=client.name or "", metadata=client.metadata)
                for client_id, client in settings.clients.items()
            }
        )
        self.routes = OwnRoutes(route for each in settings.hook_server.endpoints for route in self._routes_of(each))
        if not self.routes.routes:
            raise NothingToServe(
                "no hook is configured for any point that an endpoint's format has: "
                "add [[hooks]] and [[hook_server.endpoints]]"
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve_http(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        found = self.routes.find(scope.get("raw_path") or scope["path"].encode(), scope["path"])
        if isinstance(found, OwnRoute):
            kind, outcome = found.kind, await found.flow(scope, receive, send)
        else:
            kind, outcome = "hook_server", found.code if isinstance(found, Refused) else "not_found"
            await error_answer(404, "not_found", "No hook is served here.").send(send, body=scope["method"] != "HEAD")
        self.metrics.request(kind, outcome, time.perf_counter() - started)

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._registry.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, the server has to be told
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._registry.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def _routes_of(self, endpoint: HookEndpointSettings) -> Iterator[OwnRoute]:
        format_ = FORMATS[endpoint.format]
        authentication = _authentication_of(endpoint)
        for point, codec in format_.codecs.items():
            # A system with one hook for tokens of all grants calls one path, at which the hooks of both points run.
            same = [other for other in _TOKENS if format_.codecs.get(other) is codec]
            if any(self._chain.has_hooks(each) for each in same or [point]):
                flow = HookFlow(
                    format_, point, self._chain, authentication, directory=self._directory, new_id=self._new_id
                )
                yield OwnRoute(kind=f"hook_{endpoint.format}", path=f"{endpoint.base}/{point.name}", flow=flow)

    def _observe(self, run: HookRun) -> None:
        self.metrics.hook(run.hook.point.name, run.hook.name, run.outcome, run.seconds)


def _authentication_of(endpoint: HookEndpointSettings) -> Authentication | None:
    secrets = [secret.get_secret_value() for secret in endpoint.secrets]
    match endpoint.kind:
        case "bearer":
            return Bearer(secrets=secrets)
        case "basic":
            return Basic(secrets=secrets)
        case "header":
            return HeaderSecret(secrets=secrets, header=endpoint.header or "authorization")
        case "standard-webhooks":
            return StandardWebhooks(secrets)
        case "zitadel":
            return TimedHex(secrets=secrets, headers=_ZITADEL)
        case "none":
            return None


def create_hook_server(settings: Settings) -> ASGIApp:
    """Return the application. Raises HookDefinitionError and NothingToServe."""
    return HookServer(settings)
