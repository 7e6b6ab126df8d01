"""Own keys: made, rotated and kept in the store, or given in files or by a device."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Final

import structlog

from hookpoint.proxy.store import Store, StoreUnavailable
from hookpoint.proxy.tokens.algorithms import ALGORITHMS
from hookpoint.proxy.tokens.errors import KeyCollision, SigningKeyError
from hookpoint.proxy.tokens.key_ring import KeyRing
from hookpoint.proxy.tokens.key_schedule import (
    REFRESH,
    STALE,
    KeyPolicy,
    KeyTimes,
    Phase,
    first_active_at,
    pending_active_at,
    removed,
    rotation_at,
)
from hookpoint.proxy.tokens.key_seal import KeySeal
from hookpoint.proxy.tokens.key_table import KeyTable
from hookpoint.proxy.tokens.private_keys import generate_key
from hookpoint.proxy.tokens.public_keys import material
from hookpoint.proxy.tokens.signer import LocalSigner, PrivateKey, PublishedSigner, Signer, SigningKey

_RETRY: Final = 5.0

log = structlog.get_logger(__name__)


class SigningKeys:
    """The keys hookpoint signs with, one active per algorithm, shared by all processes on one store.

    `configured` and `external` keys come before stored ones and are never rotated. `clock` is seconds since 1970. Call
    `prepare` before anything else.
    """

    def __init__(
        self,
        store: Store,
        *,
        configured: Sequence[SigningKey] = (),
        external: Sequence[PublishedSigner] = (),
        seal: KeySeal | None = None,
        policy: KeyPolicy | None = None,
        clock: Callable[[], float] = time.time,
        generate: Callable[[str], PrivateKey] = generate_key,
    ) -> None:
        self._table = KeyTable(store, seal)
        self._policy = policy or KeyPolicy()
        self._clock = clock
        self._generate = generate
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hookpoint-sign")
        self._ring = KeyRing(self._pool)
        self._given: dict[str, PublishedSigner] = {}
        self._used: set[str] = set()
        self._making = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._begun = self._ended = 0
        self._loaded_at = self._tended_at = self._retry_at = float("-inf")
        self._running: asyncio.Task[None] | None = None
        self._unsealed = seal is None and not store.in_memory
        for signer in (*(LocalSigner(key, self._pool) for key in configured), *external):
            self._give(signer)

    async def prepare(self, algorithms: Collection[str] = ()) -> None:
        """Bring the table up to date, load all keys, and make those that are missing.

        Raises StoreError, and SigningKeyError when a stored key that is needed cannot be opened.
        """
        await self._table.prepare()
        await self._load(strict=True)
        self._tended_at = self._clock()
        if self._unsealed and set(algorithms) - self._given.keys():
            self._unsealed = False
            log.warning("signing_keys_not_sealed", advice="name a secret in store.seal")
        for algorithm in algorithms:
            await self.signer_for(algorithm)

    async def signer_for(self, algorithm: str) -> Signer:
        """Return the signer for an algorithm, making its key at first need; the store is not asked while that is recent.

        Raises SigningKeyError for an unknown algorithm or a key that cannot be opened, and StoreUnavailable when a key
        has to be made or has not been looked up for a day.
        """
        if given := self._given.get(algorithm):
            return given
        now = self._clock()
        if not self._tended_at <= now < self._tended_at + REFRESH:
            await self._freshen(now)
        signer = self._ring.signer(algorithm, now)
        if signer is None or algorithm not in self._used:
            signer = await self._first(algorithm)
        return signer

    async def public_jwks(self) -> Sequence[Mapping[str, object]]:
        """Return the public half of all keys that tokens may come back with; raises StoreUnavailable.

        Those that other processes have made are included, and those that are published no more.
        """
        await self._load()
        return self._public(with_removed=True)

    async def jwks_to_publish(self) -> Sequence[Mapping[str, object]]:
        """Return the public half of all keys to publish, for a day those that are known while the store is away.

        Raises StoreUnavailable.
        """
        try:
            if self._clock() >= self._retry_at:
                await self._load()
        except StoreUnavailable as error:
            log.warning("signing_keys_not_read", code=error.code, reason=str(error))
        self._check_age()
        return self._public(with_removed=False)

    def check_collision(self, upstream: Sequence[Mapping[str, object]]) -> None:
        """Refuse upstream keys that have the kid of an own key and are other keys; raises KeyCollision."""
        own = {key["kid"] for key in self._public(with_removed=True)}
        for member in upstream:
            kid = member.get("kid")
            # An own kid is the thumbprint of its key, so that another thumbprint is another key.
            if isinstance(kid, str) and kid in own and material(member) != kid:
                raise KeyCollision(f"the upstream has another key with the kid of hookpoint's own key, {kid}")

    def overview(self) -> Sequence[tuple[KeyTimes, Phase]]:
        """Return the stored keys as they were read last, each with its phase now."""
        states = self._ring.phases(self._clock())
        return [(times, states[times.kid]) for times in self._ring.times]

    @property
    def given(self) -> Mapping[str, str]:
        """The kids of the keys that are not stored, by algorithm."""
        return {algorithm: signer.kid for algorithm, signer in self._given.items()}

    async def rotate(self, algorithm: str, *, at_once: bool = False) -> KeyTimes:
        """Make the successor of an algorithm's active key; return its times.

        `at_once` lets it, or the one that is pending, sign now, when verifiers have not seen it yet. Raises
        SigningKeyError when there is nothing to rotate or a successor is pending already, and StoreUnavailable.
        """
        await self._load()
        if algorithm in self._given:
            raise SigningKeyError(f"the key for {algorithm} is configured; replace it where it comes from")
        keys, now = self._ring.of(algorithm), self._clock()
        if not keys:
            raise SigningKeyError(f"there is no stored key for {algorithm}; one is made when it is first needed")
        states = self._ring.phases(now)
        pending = [key for key in keys if states[key.kid].state == "pending"]
        active = next(key for key in keys if states[key.kid].state == "active")
        if pending and not at_once:
            raise SigningKeyError(f"the key {pending[0].kid} is pending for {algorithm} already")
        if pending:
            successor = pending[0]
        else:
            successor = await self.add(SigningKey.of(await asyncio.to_thread(self._generate, algorithm), algorithm))
        if at_once:
            # Keys that are made within one second still follow each other.
            await self._table.activate(successor.kid, max(now, active.active_at + 1))
            await self._load()
        return next(key for key in self._ring.times if key.kid == successor.kid)

    async def add(self, key: SigningKey) -> KeyTimes:
        """Store a key, pending if its algorithm has one; raises SigningKeyError when it is there, and StoreUnavailable."""
        now = self._clock()
        times = await self._table.add(
            key, created_at=now, active_at=lambda keys: pending_active_at(keys, now, self._policy)
        )
        if times is None or key.kid in self.given.values():
            raise SigningKeyError(f"the key {key.kid} is there already")
        await self._load()
        return times

    async def aclose(self) -> None:
        """Store what is to be remembered and stop; does not fail when the store is away."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        try:
            await self._note_expiries()
        except StoreUnavailable as error:
            log.warning("signing_key_expiries_not_stored", code=error.code, reason=str(error))
        for signer in self._given.values():
            await signer.aclose()
        self._pool.shutdown(wait=True)

    def _give(self, signer: PublishedSigner) -> None:
        for other in self._given.values():
            if signer.algorithm == other.algorithm:
                raise SigningKeyError(f"two keys are configured for {signer.algorithm}; each algorithm has one")
            if signer.kid == other.kid:
                raise SigningKeyError(
                    f"one key is configured for {other.algorithm} and for {signer.algorithm}; each needs its own"
                )
        self._given[signer.algorithm] = signer

    def _public(self, *, with_removed: bool) -> Sequence[Mapping[str, object]]:
        given = [signer.public_jwk() for signer in self._given.values()]
        kids = {key["kid"] for key in given}
        stored = self._ring.public_jwks(self._clock(), with_removed=with_removed)
        return [*given, *(key for key in stored if key["kid"] not in kids)]

    async def _freshen(self, now: float) -> None:
        """Read the keys again, beside the requests as long as what is known is good enough."""
        recent = 0 <= now - self._loaded_at < 2 * REFRESH
        if not recent and now >= self._retry_at:
            await asyncio.shield(self._start())
        elif now >= self._retry_at:
            self._start()
        self._check_age()

    def _check_age(self) -> None:
        if self._clock() - self._loaded_at >= STALE:
            raise StoreUnavailable("the keys could not be read from the store for too long to go on with them")

    def _start(self) -> asyncio.Task[None]:
        if self._running is None:
            self._running = asyncio.create_task(self._keep_up(), name="keep up with signing keys", context=Context())
        return self._running

    async def _keep_up(self) -> None:
        began = self._clock()
        try:
            await self._load()
            await self._note_expiries()
            await self._rotate_by_age()
            await self._clear_away()
        except StoreUnavailable as error:
            self._retry_at = self._clock() + _RETRY
            log.warning("signing_keys_not_read", code=error.code, reason=str(error))
        except Exception:
            self._retry_at = self._clock() + _RETRY
            log.exception("signing_keys_not_kept_up")
        else:
            self._tended_at = began
        finally:
            self._running = None

    async def _load(self, *, strict: bool = False) -> None:
        """Read the keys, unless somebody does so after this call was made."""
        before = self._begun
        async with self._loading:
            if self._ended > before:
                return
            self._begun += 1
            number, now = self._begun, self._clock()
            try:
                rows = await self._table.rows()
            except StoreUnavailable:
                self._retry_at = self._clock() + _RETRY
                raise
            opened = {}
            for row in self._ring.closed(rows, now):
                try:
                    opened[row.times.kid] = await asyncio.to_thread(self._table.open, row)
                except SigningKeyError as error:
                    if strict:
                        raise
                    log.error("signing_key_not_opened", kid=row.times.kid, code=error.code, reason=str(error))
            self._ring.replace(rows, opened)
            self._loaded_at, self._ended = now, number

    async def _first(self, algorithm: str) -> Signer:
        if algorithm not in ALGORITHMS:
            raise SigningKeyError(f"'{algorithm}' is not one of {', '.join(ALGORITHMS)}")
        async with self._making:
            signer = self._ring.signer(algorithm, self._clock())
            if signer is None:
                await self._load()
                if not self._ring.of(algorithm):
                    await self._make(algorithm, first_active_at)
                signer = self._ring.signer(algorithm, self._clock())
        assert signer is not None
        self._used.add(algorithm)
        return signer

    async def _make(self, algorithm: str, active_at: Callable[[Sequence[KeyTimes], float], int | None]) -> None:
        key = SigningKey.of(await asyncio.to_thread(self._generate, algorithm), algorithm)
        now = self._clock()
        times = await self._table.add(key, created_at=now, active_at=lambda keys: active_at(keys, now))
        if times is not None:
            log.info("signing_key_made", algorithm=algorithm, kid=key.kid)
        await self._load()

    async def _rotate_by_age(self) -> None:
        def due(keys: Sequence[KeyTimes], now: float) -> int | None:
            return rotation_at(keys, now, self._policy)

        for algorithm in sorted(self._used):
            if due(self._ring.of(algorithm), self._clock()) is not None:
                await self._make(algorithm, due)

    async def _note_expiries(self) -> None:
        expiries = self._ring.unstored_expiries()
        if expiries:
            await self._table.note_expiries(expiries)

    async def _clear_away(self) -> None:
        if removed(self._ring.times, self._clock()):
            for kid in await self._table.clear_away(self._clock()):
                log.info("signing_key_removed", kid=kid)
