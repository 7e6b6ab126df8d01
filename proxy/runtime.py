"""Keeps everything alive that runs behind one middleware: hooks, store, keys, and what is known of the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.hooks import (
    Chain,
    HookRun,
    Registry,
    Request,
    credentials_exchange,
    default_rules,
    hooks_of_functions,
    token_issuance,
)
from hookpoint.proxy.config import Settings
from hookpoint.proxy.configured_clients import configured_directory
from hookpoint.proxy.configured_hooks import configured_hooks
from hookpoint.proxy.configured_messages import configured_messages
from hookpoint.proxy.deliveries import SiteResolver, open_deliveries
from hookpoint.proxy.discovery import DiscoveryFailed
from hookpoint.proxy.flows.intercepted import describe_request
from hookpoint.proxy.keys import open_keys
from hookpoint.proxy.observability import Metrics, new_request_id
from hookpoint.proxy.own_routes import OwnRoute, OwnRoutes
from hookpoint.proxy.site import Parts, Site, load_site
from hookpoint.proxy.store import Store, StoreError, open_store
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.own_tokens import OwnTokens
from hookpoint.proxy.upstream.clients import TrustedProxies, client_of
from hookpoint.proxy.vault.locks import Locks
from hookpoint.proxy.vault.vault import Vault

if TYPE_CHECKING:
    from hookpoint.hooks.deliveries import Deliveries, Outbox

METADATA_LIFETIME: Final = 600.0
PURGE_INTERVAL: Final = 600.0
RETRY_AFTER: Final = 1.0
_MAX_RETRY: Final = 10.0
_MAX_SITES: Final = 64  # a mount path with parameters has any number of roots

log = structlog.get_logger(__name__)


class NotReady(Exception):  # noqa: N818 - names the state
    """Requests cannot be judged yet; `reason` is for operators."""

    code = "not_ready"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Runtime:
    """The running parts behind one middleware. `hooks` are added to those of the settings.

    Raises HookDefinitionError, DialectError and ConfigurationError at once, so that what is wrong shows at start.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        hooks: Sequence[Callable[..., Any]] = (),
        metrics: Metrics,
        new_id: Callable[[], str] = new_request_id,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._new_id = new_id
        self._clock = clock
        self._trusted = TrustedProxies(map(str, settings.server.trusted_proxies))
        self.registry = Registry([*configured_hooks(settings.hooks, settings), *hooks_of_functions(hooks)])
        self._chain = Chain(
            self.registry,
            rules=default_rules(grantable_scopes=settings.tokens.grantable_scopes),
            timeout=settings.limits.hook_timeout,
            total_timeout=settings.limits.hooks_timeout,
            observer=self._observe,
        )
        self._directory = configured_directory(settings)
        self._messages = configured_messages(settings, self._chain, metrics)
        self.own_routes = OwnRoutes(self._own_routes())
        self._parts: Parts | None = None
        self._store: Store | None = None
        self._deliveries: Deliveries | None = None
        self._sites: dict[str, tuple[Site, float]] = {}
        self._starting = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._next_try = 0.0
        self._reason: str | None = "not started"
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def not_ready(self) -> str | None:
        """Why requests cannot be judged now, or None when they can."""
        return self._reason

    @property
    def intercepts(self) -> bool:
        """Whether there is anything to do at the token endpoint."""
        tokens = self._settings.tokens
        hooked = self._chain.has_hooks(credentials_exchange) or self._chain.has_hooks(token_issuance)
        return hooked or tokens.jwks == "exclusive" or tokens.issuer == "rewrite" or tokens.opaque == "mint"

    def known_site(self, root_path: str) -> Site | None:
        """The site below a mount root, when it is known already; renews what is known in the background."""
        found = self._sites.get(root_path)
        if found is None:
            return None
        site, fresh_until = found
        if self._clock() > fresh_until and not self._loading.locked():
            self._sites[root_path] = (site, self._clock() + METADATA_LIFETIME)
            self._spawn(self._renew(root_path))
        return site

    async def site(self, root_path: str) -> Site:
        """The site below a mount root, asking the server what it is when that is not known; raises NotReady.

        Raises StoreError and SigningKeyError when hookpoint's own state cannot be used.
        """
        async with self._loading:
            if found := self._sites.get(root_path):
                return found[0]
            if self._clock() < self._next_try:
                raise NotReady(self._reason or "loading")
            return await self._load(root_path)

    async def start(self) -> None:
        """Open the store and load the keys; raises StoreError and SigningKeyError."""
        if self._parts is None:
            async with self._starting:
                if self._parts is None:
                    await self._start()

    async def _start(self) -> None:
        settings = self._settings
        await self.registry.start()
        self._store = await open_store(
            settings.store.url.get_secret_value(),
            connections=settings.store.connections,
            timeout=settings.store.timeout,
        )
        keys = await open_keys(settings, self._store)
        await keys.prepare()
        vault = Vault(self._store) if settings.tokens.keep_originals else None
        if vault is not None:
            await vault.prepare()
            self._spawn(self._purge(vault))
        if self._messages is not None:
            await self._messages.start(self._store)
        self._deliveries = await open_deliveries(
            settings,
            self._store,
            self.registry,
            resolver=SiteResolver(self.site),
            observe_run=self._observe,
            observer=self._metrics.deliveries,
        )
        self._parts = Parts(
            app=self._app,
            settings=settings,
            chain=self._chain,
            keys=keys,
            vault=vault,
            own_tokens=OwnTokens(keys, vault) if vault is not None else None,
            locks=Locks(self._store),
            metrics=self._metrics,
            directory=self._directory,
            describe=self._describe,
            intercepts=self.intercepts,
            outbox=self._outbox(),
        )
        if self._deliveries is not None:
            self._deliveries.start()
        self._reason = "the server's metadata has not been read yet"

    def warm_up(self, root_path: str = "") -> None:
        """Begin to read what the server is, and go on until it has said so."""
        self._spawn(self._keep_trying(root_path))

    async def aclose(self) -> None:
        """Stop what runs in the background and close the store."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for site, _ in self._sites.values():
            await site.aclose()
        self._sites.clear()
        if self._deliveries is not None:
            await self._deliveries.aclose()
        await self.registry.aclose()
        if self._parts is not None:
            await self._parts.keys.aclose()
        if self._messages is not None:
            await self._messages.aclose()
        if self._store is not None:
            await self._store.aclose()
        self._parts = self._store = self._deliveries = None
        self._reason = "stopped"

    async def _load(self, root_path: str) -> Site:
        await self.start()
        assert self._parts is not None
        try:
            site = await load_site(self._parts, root_path)
        except DiscoveryFailed as error:
            self._reason = error.reason
            self._next_try = self._clock() + RETRY_AFTER
            log.error("discovery_failed", reason=error.reason)
            raise NotReady(error.reason) from error
        except SigningKeyError as error:
            self._reason = str(error)
            self._next_try = self._clock() + RETRY_AFTER
            log.error("signing_keys_unusable", code=error.code, reason=str(error))
            raise NotReady(str(error)) from error
        if root_path not in self._sites and len(self._sites) >= _MAX_SITES:
            oldest, _ = self._sites.pop(next(iter(self._sites)))
            await oldest.aclose()
        self._sites[root_path] = (site, self._clock() + METADATA_LIFETIME)
        self._reason = None
        return site

    async def _renew(self, root_path: str) -> None:
        async with self._loading:
            known = self._sites[root_path]
            try:
                site = await self._load(root_path)
            except NotReady:
                self._reason = None  # what was known last stays in use
                return
            if site.metadata == known[0].metadata:
                self._sites[root_path] = (known[0], self._clock() + METADATA_LIFETIME)
                await site.aclose()
                return
        log.warning("server_changed", issuer=site.metadata.issuer)
        await asyncio.sleep(self._settings.limits.token_timeout)  # requests may still be on their way through it
        await known[0].aclose()

    async def _keep_trying(self, root_path: str) -> None:
        pause = RETRY_AFTER
        while True:
            try:
                await self.site(root_path)
            except NotReady:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_RETRY)
            else:
                return

    async def _purge(self, vault: Vault) -> None:
        while True:
            await asyncio.sleep(PURGE_INTERVAL)
            try:
                await vault.purge()
            except StoreError as error:
                log.warning("purge_failed", code=error.code, reason=str(error))

    def _own_routes(self) -> Iterator[OwnRoute]:
        if self._messages is not None:
            from hookpoint.proxy.sms_routes import sms_routes

            yield from sms_routes(self._settings, self._messages, directory=self._directory, new_id=self._new_id)
        if self._settings.webhooks:
            from hookpoint.proxy.webhooks.flow import webhook_routes

            yield from webhook_routes(self._settings.webhooks, self._outbox)

    def _outbox(self) -> Outbox | None:
        return None if self._deliveries is None else self._deliveries.outbox

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _describe(self, scope: Scope) -> Request:
        return describe_request(scope, client_of(scope, self._trusted), self._new_id())

    def _observe(self, run: HookRun) -> None:
        self._metrics.hook(run.hook.point.name, run.hook.name, run.outcome, run.seconds)
