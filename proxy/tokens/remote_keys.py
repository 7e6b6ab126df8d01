"""The upstream's key set, fetched when needed and kept while it is good (OpenID Connect Core section 10.1.1)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final

import structlog

from hookpoint.proxy.tokens.errors import FetchFailed, KeySetInvalid, KeysUnavailable
from hookpoint.proxy.tokens.public_keys import PublicKeySet, VerificationKey

log = structlog.get_logger(__name__)

_REMEMBERED_KIDS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedKeys:
    """A key set as it was answered: the body, and `max-age` of Cache-Control in seconds where there was one."""

    body: bytes
    max_age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When to fetch; all values are in seconds.

    A set lives for `lifetime`, or for the max-age it came with, held between `shortest` and `longest`. It is renewed in
    the background after half of its life. When that fails the set stays in use until it is `stale` seconds old. A kid
    nobody knows leads to one fetch per `cooldown`, and the same kid to none for `unknown`. A failed fetch is tried
    again after `retry`, or after `first_retry` while there has been no good one, so that the order of start-up does
    not matter.
    """

    lifetime: float = 600
    shortest: float = 60
    longest: float = 3600
    stale: float = 24 * 3600
    cooldown: float = 30
    unknown: float = 60
    retry: float = 30
    first_retry: float = 1
    fetch: float = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    keys: PublicKeySet
    fetched: float
    lifetime: float


class RemoteKeySet:
    """A key set behind a callable that fetches it; a KeySource that fails closed.

    `fetch` raises FetchFailed when it cannot. There is one fetch at a time, shared by all who wait for it, and none is
    given up because one of them went away. `clock` counts seconds from anywhere.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[FetchedKeys]],
        *,
        clock: Callable[[], float] = time.monotonic,
        timing: Timing | None = None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._timing = timing or Timing()
        self._held: _Held | None = None
        self._running: asyncio.Task[None] | None = None
        self._retry_at = float("-inf")
        self._problem = "it has not been fetched yet"
        self._next_on_demand = float("-inf")
        self._unknown: dict[str | None, float] = {}

    async def find(self, kid: str | None, algorithm: str) -> Sequence[VerificationKey]:
        """Return the keys for a token, after one fetch if its kid is new; raises KeysUnavailable."""
        keys = await self._current()
        found = keys.candidates(kid, algorithm)
        if found or (kid is not None and keys.knows(kid)) or not self._may_ask_for(kid):
            return found
        await self._refresh()
        found = (await self._current()).candidates(kid, algorithm)
        if not found:
            log.warning("upstream_kid_unknown", kid=None if kid is None else kid[:100], algorithm=algorithm)
            self._remember(kid)
        return found

    async def keys(self) -> Sequence[Mapping[str, object]]:
        """Return all keys as the upstream publishes them, unfiltered; raises KeysUnavailable."""
        return (await self._current()).members

    async def aclose(self) -> None:
        """Give up a fetch that is under way."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _current(self) -> PublicKeySet:
        held, now = self._held, self._clock()
        if held is None or now - held.fetched >= held.lifetime:
            if now >= self._retry_at:
                await self._refresh()
        elif now - held.fetched >= held.lifetime / 2 and now >= self._retry_at:
            self._start()
        held = self._held
        if held is None or self._clock() - held.fetched >= self._timing.stale:
            raise KeysUnavailable(f"there is no usable key set of the upstream: {self._problem}")
        return held.keys

    def _may_ask_for(self, kid: str | None) -> bool:
        now = self._clock()
        if now < self._next_on_demand or now < self._unknown.get(kid, now):
            return self._running is not None
        self._next_on_demand = now + self._timing.cooldown
        return True

    def _remember(self, kid: str | None) -> None:
        while len(self._unknown) >= _REMEMBERED_KIDS:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[kid] = self._clock() + self._timing.unknown

    async def _refresh(self) -> None:
        await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._running is None:
            # In a context of its own: what one request binds to its log lines is not true of a shared fetch.
            self._running = asyncio.create_task(self._renew(), name="fetch upstream keys", context=Context())
        return self._running

    async def _renew(self) -> None:
        timing = self._timing
        try:
            async with asyncio.timeout(timing.fetch):
                fetched = await self._fetch()
            keys = PublicKeySet.parse(fetched.body)
        except TimeoutError:
            self._failed(f"it took longer than {timing.fetch:g} seconds")
        except (FetchFailed, KeySetInvalid) as error:
            self._failed(str(error))
        except Exception:
            log.exception("upstream_key_fetch_crashed")
            self._failed("the fetch crashed")
        else:
            max_age = timing.lifetime if fetched.max_age is None else fetched.max_age
            lifetime = min(max(max_age, timing.shortest), timing.longest)
            self._held = _Held(keys=keys, fetched=self._clock(), lifetime=lifetime)
            self._retry_at = float("-inf")
            log.debug("upstream_keys_fetched", keys=len(keys.keys), lifetime=lifetime)
        finally:
            self._running = None

    def _failed(self, problem: str) -> None:
        wait = self._timing.first_retry if self._held is None else self._timing.retry
        self._retry_at = self._clock() + wait
        self._problem = problem
        log.warning("upstream_keys_not_fetched", reason=problem, has_keys=self._held is not None)
