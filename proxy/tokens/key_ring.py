"""The own keys as one process knows them, and which of them signs now."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

import structlog

from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.key_schedule import KeyTimes, Phase, phases
from hookpoint.proxy.tokens.key_table import StoredKey
from hookpoint.proxy.tokens.signer import LocalSigner, Signer, SigningKey

log = structlog.get_logger(__name__)


class KeyRing:
    """What was read from the store last, with the private keys that were opened, and the expiries not stored yet."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._rows: Mapping[str, StoredKey] = {}
        self._signers: dict[str, Signer] = {}
        self._expiries: dict[str, int] = {}
        self._current: Mapping[str, str] = {}
        self._change_at = -math.inf

    @property
    def times(self) -> Sequence[KeyTimes]:
        return [row.times for row in self._rows.values()]

    def of(self, algorithm: str) -> Sequence[KeyTimes]:
        """Return the keys of one algorithm."""
        return [times for times in self.times if times.algorithm == algorithm]

    def replace(self, rows: Sequence[StoredKey], opened: Mapping[str, SigningKey]) -> None:
        """Take over what was read; `opened` are the private keys of rows that were not open."""
        self._rows = {row.times.kid: row for row in rows}
        self._signers = {kid: signer for kid, signer in self._signers.items() if kid in self._rows}
        for kid, key in opened.items():
            self._signers[kid] = NotingSigner(LocalSigner(key, self._pool), self._note)
        self._change_at = -math.inf

    def closed(self, rows: Sequence[StoredKey], now: float) -> Sequence[StoredKey]:
        """Return those rows whose private keys are or will be needed, and are not open."""
        states = phases([row.times for row in rows], now)
        return [
            row
            for row in rows
            if row.times.kid not in self._signers and states[row.times.kid].state in ("pending", "active")
        ]

    def signer(self, algorithm: str, now: float) -> Signer | None:
        """Return the signer of an algorithm's active key, None without a key; raises SigningKeyError for a closed one."""
        if now >= self._change_at:
            self._advance(now)
        kid = self._current.get(algorithm)
        if kid is None:
            return None
        if kid not in self._signers:
            raise SigningKeyError(f"the stored key {kid} is active now and cannot be opened with this store.seal")
        return self._signers[kid]

    def phases(self, now: float) -> Mapping[str, Phase]:
        return phases(self.times, now)

    def public_jwks(self, now: float, *, with_removed: bool) -> Sequence[Mapping[str, object]]:
        """Return the public halves, those that sign first."""
        states = self.phases(now)
        order = ("active", "pending", "retired", "removed")
        rows = sorted(self._rows.values(), key=lambda row: order.index(states[row.times.kid].state))
        return [
            row.public_jwk
            for row in rows
            if row.public_jwk is not None and (with_removed or states[row.times.kid].state != "removed")
        ]

    def unstored_expiries(self) -> Mapping[str, int]:
        """Return the latest `exp` by kid, where it is later than the stored one."""
        return {
            kid: exp
            for kid, exp in self._expiries.items()
            if kid in self._rows and exp > self._rows[kid].times.last_exp
        }

    def _advance(self, now: float) -> None:
        states = self.phases(now)
        self._current = {row.algorithm: row.kid for row in self.times if states[row.kid].state == "active"}
        self._change_at = min((phase.until for phase in states.values() if phase.until), default=math.inf)

    def _note(self, kid: str, exp: float) -> None:
        if exp > self._expiries.get(kid, 0):
            self._expiries[kid] = math.ceil(exp)


class NotingSigner:
    """Tells the `exp` of what it signs, so that the key stays published for as long as a token needs it."""

    def __init__(self, signer: Signer, note: Callable[[str, float], None]) -> None:
        self._signer = signer
        self._note = note

    @property
    def kid(self) -> str:
        return self._signer.kid

    @property
    def algorithm(self) -> str:
        return self._signer.algorithm

    async def sign(self, header: Mapping[str, object], payload: bytes) -> str:
        exp = _exp(payload)
        if exp is not None:
            self._note(self.kid, exp)
        return await self._signer.sign(header, payload)


def _exp(payload: bytes) -> float | None:
    try:
        claims = json.loads(payload)
    except ValueError:
        return None
    exp = claims.get("exp") if isinstance(claims, dict) else None
    return exp if isinstance(exp, int | float) and exp < 2**53 else None
