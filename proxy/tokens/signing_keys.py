"""Own keys: made at first need and kept in the store, or given in files."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hookpoint.proxy.store import Store
from hookpoint.proxy.strict_json import write_json
from hookpoint.proxy.tokens.algorithms import ALGORITHMS
from hookpoint.proxy.tokens.errors import KeyCollision, SigningKeyError
from hookpoint.proxy.tokens.key_table import MIGRATIONS, PART, KeyRow, add_active, all_keys
from hookpoint.proxy.tokens.private_keys import private_key
from hookpoint.proxy.tokens.public_keys import material
from hookpoint.proxy.tokens.signer import LocalSigner, PrivateKey, Signer, SigningKey

RSA_GENERATED_BITS: Final = 2048
_CURVES: Final[Mapping[str, Callable[[], ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}

log = structlog.get_logger(__name__)


def generate_key(algorithm: str) -> PrivateKey:
    """Make a key for an algorithm: RSA of 2048 bits, or the algorithm's curve."""
    wanted = ALGORITHMS[algorithm]
    if wanted.key_type == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_GENERATED_BITS)
    if wanted.key_type == "EC" and wanted.curve is not None:
        return ec.generate_private_key(_CURVES[wanted.curve]())
    return Ed25519PrivateKey.generate()


class SigningKeys:
    """The keys hookpoint signs with, one per algorithm, shared by all processes on one store.

    Configured keys come before stored ones. `clock` is seconds since 1970. Call `prepare` before anything else.
    """

    def __init__(
        self,
        store: Store,
        *,
        configured: Sequence[SigningKey] = (),
        clock: Callable[[], float] = time.time,
        generate: Callable[[str], PrivateKey] = generate_key,
    ) -> None:
        self._store = store
        self._clock = clock
        self._generate = generate
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hookpoint-sign")
        self._keys: dict[str, SigningKey] = {}
        self._signers: dict[str, LocalSigner] = {}
        self._making = asyncio.Lock()
        for key in configured:
            self._configure(key)

    async def prepare(self, algorithms: Collection[str] = ()) -> None:
        """Bring the table up to date, load all keys, and make those that are missing; raises StoreError."""
        await self._store.migrate(PART, MIGRATIONS)
        await self._load()
        for algorithm in algorithms:
            await self.signer_for(algorithm)

    async def signer_for(self, algorithm: str) -> Signer:
        """Return the signer for an algorithm, making its key at first need.

        Raises SigningKeyError for an unknown algorithm and StoreUnavailable when a key has to be made or looked up.
        """
        if algorithm not in ALGORITHMS:
            raise SigningKeyError(f"'{algorithm}' is not one of {', '.join(ALGORITHMS)}")
        if algorithm not in self._signers:
            async with self._making:
                await self._load()
                if algorithm not in self._signers:
                    await self._make(algorithm)
        return self._signers[algorithm]

    async def public_jwks(self) -> Sequence[Mapping[str, object]]:
        """Return the public half of all keys, those other processes have made included; raises StoreUnavailable."""
        await self._load()
        return [key.public_jwk() for key in self._keys.values()]

    def check_collision(self, upstream: Sequence[Mapping[str, object]]) -> None:
        """Refuse upstream keys that have the kid of an own key and are other keys; raises KeyCollision."""
        for member in upstream:
            kid = member.get("kid")
            # An own kid is the thumbprint of its key, so that another thumbprint is another key.
            if isinstance(kid, str) and kid in self._keys and material(member) != kid:
                raise KeyCollision(f"the upstream has another key with the kid of hookpoint's own key, {kid}")

    async def aclose(self) -> None:
        self._pool.shutdown(wait=True)

    def _configure(self, key: SigningKey) -> None:
        algorithm = key.algorithm.name
        if algorithm in self._signers:
            raise SigningKeyError(f"two keys are configured for {algorithm}; each algorithm has one")
        if key.kid in self._keys:
            other = self._keys[key.kid].algorithm.name
            raise SigningKeyError(f"one key is configured for {other} and for {algorithm}; each needs its own")
        self._use(key)

    async def _load(self) -> None:
        for row in await all_keys(self._store):
            if row.kid not in self._keys:
                key = await asyncio.to_thread(_read, row)
                if row.state == "active" and row.algorithm not in self._signers:
                    self._use(key)
                self._keys[key.kid] = key

    async def _make(self, algorithm: str) -> None:
        key = SigningKey.of(await asyncio.to_thread(self._generate, algorithm), algorithm)
        stored = await add_active(
            self._store,
            KeyRow(
                kid=key.kid,
                algorithm=algorithm,
                private_jwk=write_json(key.private_jwk()).decode(),
                created_at=int(self._clock()),
                state="active",
            ),
        )
        if stored:
            self._use(key)
            log.info("signing_key_made", algorithm=algorithm, kid=key.kid)
        else:
            await self._load()

    def _use(self, key: SigningKey) -> None:
        self._keys[key.kid] = key
        self._signers[key.algorithm.name] = LocalSigner(key, self._pool)


def _read(row: KeyRow) -> SigningKey:
    try:
        return SigningKey.of(private_key(json.loads(row.private_jwk)), row.algorithm)
    except (SigningKeyError, ValueError) as error:
        raise SigningKeyError(f"the stored key {row.kid} cannot be used: {error}") from None
