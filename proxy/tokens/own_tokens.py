"""Re-issued tokens that come back: whether a token is hookpoint's own, whether it is still good, and what it stands for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.tokens.algorithms import ALGORITHMS
from hookpoint.proxy.tokens.compact import split
from hookpoint.proxy.tokens.errors import TokenRejected
from hookpoint.proxy.tokens.own_headers import OwnHeaders, PublishedKeys
from hookpoint.proxy.tokens.public_keys import PublicKeySet
from hookpoint.proxy.vault.kinds import ACCESS
from hookpoint.proxy.vault.sealing import SealBroken
from hookpoint.proxy.vault.vault import Vault

State = Literal["good", "expired", "denied", "unmapped", "forged", "not_ours"]

_REMEMBERED: Final = 1024
_REMEMBERED_FOR: Final = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnToken:
    """What became of looking at a token.

    `claims` are those of a token whose signature holds. `original` is the server's own token behind it, where it was found; it
    may be there for a token that is not good, and must not be used as a credential then.
    """

    state: State
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    original: str | None = field(default=None, repr=False)

    @property
    def is_ours(self) -> bool:
        """Whether hookpoint issued it, or somebody wants that to be believed."""
        return self.state != "not_ours"

    @property
    def good_original(self) -> str | None:
        """What to send to the server in place of a good token; None for every other one."""
        return self.original if self.state == "good" else None


NOT_OURS: Final = OwnToken(state="not_ours")
FORGED: Final = OwnToken(state="forged")


class OwnTokens:
    """Tells own tokens from others and finds what they stand for.

    A signature that was verified is remembered for a few seconds; denials and originals are asked for each time, because other
    processes change them. `clock` is in seconds since 1970.
    """

    def __init__(self, keys: PublishedKeys, vault: Vault, *, clock: Callable[[], float] = time.time) -> None:
        self.vault: Final = vault
        self._headers = OwnHeaders(keys, clock=clock)
        self._clock = clock
        self._verified: dict[bytes, tuple[float, Mapping[str, object]]] = {}

    def surely_foreign(self, header: str) -> bool:
        """Whether a token with this encoded header is known to be none of ours; costs about a dictionary look-up."""
        return self._headers.surely_foreign(header)

    async def recognises(self, header: str) -> bool:
        """Whether a token with this encoded header is ours, or wants to be taken for it; raises as `find` does."""
        return await self._headers.are_ours(header)

    async def find(self, token: str, kind: str = ACCESS) -> OwnToken:
        """Judge a token and find its original; raises StoreUnavailable, and SigningKeyError when own keys cannot be read."""
        if not await self._headers.are_ours(token.partition(".")[0]):
            return NOT_OURS
        claims = self._claims(token)
        if claims is None:
            return FORGED
        expires, jti = claims.get("exp"), claims.get("jti")
        if isinstance(expires, (int, float)) and expires <= self._clock():
            # An ID token that has expired is still a hint (OpenID Connect RP-Initiated Logout section 2).
            return OwnToken(state="expired", claims=claims, original=await self._original(token, kind))
        denied = isinstance(jti, str) and await self.vault.is_denied(jti)
        original = await self._original(token, kind)
        state: State = "denied" if denied else "unmapped" if original is None else "good"
        return OwnToken(state=state, claims=claims, original=original)

    async def _original(self, token: str, kind: str) -> str | None:
        original = await read_record(self.vault, kind, token)
        return None if original is None else original.decode()

    def _claims(self, token: str) -> Mapping[str, object] | None:
        """The claims of a token with one of our keys in its header; None when the signature does not hold."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        now = self._clock()
        known = self._verified.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        claims = _verify(token, self._headers.keys)
        if claims is not None:
            while len(self._verified) >= _REMEMBERED:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = (now + _REMEMBERED_FOR, claims)
        return claims


def itself(token: str) -> str:
    """What stands in for a token at a server whose own tokens look like it."""
    return token


def handle_of(token: str) -> str:
    """What stands in for a token at a server whose own tokens are opaque: its signature, which means nothing there.

    Servers may refuse a JWT for its looks, where they call an unknown token inactive.
    """
    return token.rpartition(".")[2] or "unknown"


async def read_record(vault: Vault, kind: str, token: str) -> bytes | None:
    """What is kept under a token, or None; raises StoreUnavailable. A record that was tampered with is none."""
    try:
        return await vault.get(kind, token)
    except SealBroken as error:
        log.error("vault_record_broken", kind=kind, reason=str(error))
        return None


def _verify(token: str, keys: PublicKeySet) -> Mapping[str, object] | None:
    try:
        parts = split(token)
        header = JsonObject.parse(parts.header).members
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not isinstance(kid, str):
            return None
        model = ALGORITHMS[algorithm].model
        candidates = keys.candidates(kid, algorithm)
        if any(model.verify(parts.signing_input, parts.signature, key.key) for key in candidates):
            return JsonObject.parse(parts.payload).members
    except (TokenRejected, JsonError):
        pass
    return None
