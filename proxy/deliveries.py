"""Durable delivery as the configuration has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from hookpoint.hooks import Observer, Registry
from hookpoint.hooks.deliveries import (
    MIGRATIONS,
    PART,
    CannotTell,
    Deliveries,
    DeliveryObserver,
    DeliveryPolicy,
    Intent,
    PayloadUnreadable,
    Resolution,
    Resolver,
    Sealer,
)
from hookpoint.proxy.config import Settings
from hookpoint.proxy.site import Site
from hookpoint.proxy.store import Store
from hookpoint.proxy.store.seal import SealBroken, SealUnknown, TextSeal

ROOT_PATH: Final = "root_path"
"""In what an intent is looked up by: the mount root, if it is not the top."""
_MARGIN: Final = 10.0  # a call that was given up is told apart from one that is still under way


class SiteResolver:
    """Asks the server below the mount root at which the call was made; `site` is `Runtime.site`."""

    def __init__(self, site: Callable[[str], Awaitable[Site]]) -> None:
        self._site = site

    async def __call__(self, intent: Intent, /) -> Resolution:
        """See `Resolver`."""
        site = await self._site(intent.lookup.get(ROOT_PATH, ""))
        if site.resolver is None:
            return CannotTell(reason="the dialect has no route to look users up")
        return await site.resolver(intent)


class EventSeal:
    """Implements `Sealer` with the secrets of the configuration."""

    def __init__(self, seal: TextSeal) -> None:
        self._seal = seal
        self.id = seal.id

    def seal(self, text: str, *, place: str) -> str:
        """See `Sealer`."""
        return self._seal.seal(text, place=place)

    def open(self, sealed: str, *, place: str, seal: str) -> str:
        """See `Sealer`."""
        try:
            return self._seal.open(sealed, place=place, seal=seal)
        except SealUnknown:
            raise PayloadUnreadable(
                "the event was sealed with another secret than store.seal; name that one in store.seal_old"
            ) from None
        except SealBroken:
            raise PayloadUnreadable("the event was changed since it was sealed") from None

    def digest(self, text: str) -> bytes:
        """See `Sealer`."""
        return self._seal.digest(text)


async def open_deliveries(
    settings: Settings,
    store: Store,
    registry: Registry,
    *,
    resolver: Resolver,
    observe_run: Observer,
    observer: DeliveryObserver,
) -> Deliveries | None:
    """Bring the tables up to date and return what delivers, which is still to be started; raises StoreError.

    None where no hook runs after the answer: then nothing is stored, and what is there waits.
    """
    if all(hook.point.blocking for hook in registry):
        return None
    await store.migrate(PART, MIGRATIONS)
    return Deliveries(
        store,
        registry,
        policy=delivery_policy(settings),
        sealer=event_sealer(settings),
        resolver=resolver,
        concurrency=settings.deliveries.concurrency,
        poll=settings.deliveries.poll,
        observe_run=observe_run,
        observer=observer,
    )


def delivery_policy(settings: Settings) -> DeliveryPolicy:
    """When deliveries are tried again, and for how long they are kept."""
    said = settings.deliveries
    return DeliveryPolicy(
        attempts=said.attempts,
        backoff=said.backoff,
        timeout=said.timeout,
        lease=said.lease,
        outcome_after=settings.limits.token_timeout + _MARGIN,
        lookups=said.lookups,
        keep_done=said.keep_done,
        keep_dead=said.keep_dead,
    )


def event_sealer(settings: Settings) -> Sealer | None:
    """What seals stored events; None where no secret is configured."""
    secret = settings.store.seal
    if secret is None:
        return None
    old = [each.get_secret_value() for each in settings.store.seal_old]
    return EventSeal(TextSeal(secret.get_secret_value(), old, use="events"))
