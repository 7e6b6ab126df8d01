"""The middleware: hooks around any ASGI application that is an OAuth server, or stands for one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hookpoint.proxy.answers import Answer, error_answer
from hookpoint.proxy.config import Settings, load
from hookpoint.proxy.observability import Metrics, new_registry
from hookpoint.proxy.own_routes import OwnRoute
from hookpoint.proxy.returning import FRONT_CHANNEL
from hookpoint.proxy.routes import ASTERISK, PASS, Matched, Refused
from hookpoint.proxy.runtime import NotReady, Runtime
from hookpoint.proxy.site import Site
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.users.endpoint import PARAMETERS
from hookpoint.proxy.users.site import PASSWORD_CHANGE, SIGN_UP

PASSED = "passed"  # the route, in metrics, of what is not intercepted
TOKEN_REFUSED = "token_refused"  # noqa: S105 - an outcome
_WATCHED = frozenset({*FRONT_CHANNEL, SIGN_UP, PASSWORD_CHANGE})  # where answers go on that may hold tokens

log = structlog.get_logger(__name__)


class HookpointMiddleware:
    """Runs hooks in front of an OAuth server that is an ASGI application.

        app = HookpointMiddleware(oauth_app, config="hookpoint.toml")
        app = HookpointMiddleware(oauth_app, hooks=[add_plan])

    `config` is the path of a configuration, or settings. `hooks` are decorated functions, or modules of them, and come after those
    of the configuration. `dialect` is used when there is no configuration. Raises ConfigurationError and HookDefinitionError.

    Requests that name an intercepted route in its one spelling are handled, other spellings of it are answered 400, and everything
    else reaches the application as it is. Routes of hookpoint's own come first, and need not know the application.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        config: str | os.PathLike[str] | Settings | None = None,
        hooks: Sequence[Callable[..., Any]] = (),
        dialect: str = "oidc",
        metrics: Metrics | None = None,
    ) -> None:
        self.app = app
        self.settings = _settings(config, dialect)
        self.metrics = metrics or Metrics(new_registry())
        self.runtime = Runtime(self._call, self.settings, hooks=hooks, metrics=self.metrics)
        self._state: Mapping[str, Any] = {}
        # FastAPI(root_path=...) serves its routes below that prefix as well, whatever the scope says.
        self._root_path: str = getattr(app, "root_path", "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            await self._serve_http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._serve_lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def aclose(self) -> None:
        """Close the store and stop what runs in the background.

        The lifespan does this by itself; only a middleware below a mount, which has no lifespan, leaves it to its owner.
        """
        await self.runtime.aclose()

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        own = self._own_route(scope)
        if own is not None:
            route, outcome = await self._serve_own(own, scope, receive, send)
            self.metrics.request(route, outcome, time.perf_counter() - started)
            return
        site = self.runtime.known_site(self._root_of(scope)) or await self._find_site(scope, send)
        if site is None:
            self.metrics.request(PASSED, "not_ready", time.perf_counter() - started)
            return
        decision = site.table.decide(_raw_path(scope), scope["path"])
        if decision is PASS or (decision is ASTERISK and scope["method"] == "OPTIONS"):
            route, outcome = PASSED, await self._pass(site, scope, receive, send)
        elif isinstance(decision, Matched):
            route = decision.route.kind
            outcome = await _run(site, decision, scope, receive, send)
        else:
            assert isinstance(decision, Refused)
            log.info("request_refused", code=decision.code)
            await _refusal(decision).send(send)
            route, outcome = PASSED, decision.code
        self.metrics.request(route, outcome, time.perf_counter() - started)

    def _own_route(self, scope: Scope) -> OwnRoute | Refused | None:
        return self.runtime.own_routes.find(_raw_path(scope), scope["path"], root_path=self._root_of(scope))

    async def _serve_own(self, own: OwnRoute | Refused, scope: Scope, receive: Receive, send: Send) -> tuple[str, str]:
        """Answer a request for a route of hookpoint's own, whatever is known of the server; returns route and outcome."""
        if isinstance(own, Refused):
            log.info("request_refused", code=own.code)
            await _refusal(own).send(send)
            return PASSED, own.code
        try:
            await self.runtime.start()
        except (StoreError, SigningKeyError) as error:
            await _not_ready(error, send)
            return own.kind, "not_ready"
        return own.kind, await own.flow(scope, receive, send)

    async def _pass(self, site: Site, scope: Scope, receive: Receive, send: Send) -> str:
        admitted = await _admit(site, scope)
        if isinstance(admitted, Answer):
            await admitted.send(send)
            return TOKEN_REFUSED
        await self.app(admitted, receive, send if site.leaks is None else site.leaks.watching(scope, send))
        return PASSED

    async def _find_site(self, scope: Scope, send: Send) -> Site | None:
        """Load what is not known yet; answers the request and returns None when that fails."""
        try:
            return await self.runtime.site(self._root_of(scope))
        except (NotReady, StoreError, SigningKeyError) as error:
            await _not_ready(error, send)
            return None

    def _root_of(self, scope: Scope) -> str:
        return scope.get("root_path") or self._root_path

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        no_websocket = error_answer(400, "invalid_request", "There is no WebSocket here.")
        if self._own_route(scope) is not None:
            await _deny_websocket(scope, receive, send, no_websocket)
            return
        try:
            root_path = self._root_of(scope)
            site = self.runtime.known_site(root_path) or await self.runtime.site(root_path)
        except (NotReady, StoreError, SigningKeyError) as error:
            log.error("not_ready", code=error.code, reason=str(error))
            await _deny_websocket(scope, receive, send, error_answer(503, "temporarily_unavailable", "Not ready yet."))
            return
        decision = site.table.decide(_raw_path(scope), scope["path"])
        answer = no_websocket
        if decision is PASS:
            admitted = await _admit(site, scope)
            if not isinstance(admitted, Answer):
                await self.app(admitted, receive, send)
                return
            answer = admitted
        await _deny_websocket(scope, receive, send, answer)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, for flows and for requests of hookpoint's own: those find the state that the lifespan left, too."""
        await self.app(scope if scope.get("state") else {**scope, "state": {**self._state}}, receive, send)

    async def _serve_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._state = scope.get("state", {})  # the application fills it
        asked = False

        async def receive_for_app() -> Message:
            nonlocal asked
            asked = True
            return await receive()

        async def watch(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                try:
                    await self.runtime.start()
                except (StoreError, SigningKeyError) as error:
                    await send({"type": "lifespan.startup.failed", "message": f"{error.code}: {error}"})
                    return
                self.runtime.warm_up(self._root_path)
            elif message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self.runtime.aclose()
            await send(message)

        try:
            await self.app(scope, receive_for_app, watch)
        except Exception:
            if asked:
                raise
            # An application without a lifespan, such as Django's, raises at once; hookpoint has one all the same.
            for event in ("startup", "shutdown"):
                await receive()
                await watch({"type": f"lifespan.{event}.complete"})


async def _not_ready(error: NotReady | StoreError | SigningKeyError, send: Send) -> None:
    log.error("not_ready", code=error.code, reason=str(error))
    answer = error_answer(
        503, "temporarily_unavailable", "The server is not ready yet.", headers=[(b"retry-after", b"1")]
    )
    await answer.send(send)


async def _admit(site: Site, scope: Scope) -> Scope | Answer:
    """The request with the server's own token as its credentials, if those were ours; or why it must not go on."""
    if site.bearer is None or not site.bearer.concerns(scope):
        return scope
    return await site.bearer.admit(scope)


async def _run(site: Site, matched: Matched, scope: Scope, receive: Receive, send: Send) -> str:
    admitted = await _admit(site, scope)
    if isinstance(admitted, Answer):
        await admitted.send(send)
        return TOKEN_REFUSED
    if site.leaks is not None and matched.route.kind in _WATCHED:
        send = site.leaks.watching(scope, send)
    if matched.parameters:
        admitted = {**admitted, PARAMETERS: matched.parameters}
    return await site.flows[matched.route.flow](admitted, receive, send)


def _settings(config: str | os.PathLike[str] | Settings | None, dialect: str) -> Settings:
    if config is None:
        return Settings.model_validate({"upstream": {"dialect": dialect}})
    return config if isinstance(config, Settings) else load(Path(config))


def _raw_path(scope: Scope) -> bytes:
    # `raw_path` is optional in ASGI; without it the decoded path is all there is, for the wrapped router too.
    raw_path: bytes | None = scope.get("raw_path")
    return quote(scope["path"], safe="/:@!$&'()*+,;=-._~").encode() if raw_path is None else raw_path


def _refusal(refused: Refused) -> Answer:
    return error_answer(400, "invalid_request", refused.reason)


async def _deny_websocket(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    await receive()  # websocket.connect
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = list(answer.headers)
        await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": answer.body})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
