"""Signs verified tokens again, with what hooks changed, and keeps the originals where they can be found again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hookpoint.hooks import TokenChanges
from hookpoint.hooks.strict_json import JsonObject
from hookpoint.proxy.observability import Metrics
from hookpoint.proxy.tokens.reissue import final_claims, final_id_claims, reissue, scope_of
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.tokens.verification import VerifiedToken
from hookpoint.proxy.vault.kinds import ACCESS, ID
from hookpoint.proxy.vault.vault import Vault

# A record outlives its token by what verifiers forgive.
_LEEWAY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """An access token that is ready to leave. `expires_at` is in seconds since 1970, `scope` None when nobody spoke of any."""

    value: str = field(repr=False)
    expires_at: float
    scope: str | None

    def members(self, envelope: JsonObject, now: float) -> dict[str, object]:
        """The members of a token answer that speak of this token."""
        members = {"access_token": self.value, **end_members(envelope, self.expires_at, now)}
        return members if self.scope is None else members | {"scope": self.scope}


class Issuer:
    """Applies changes to verified tokens and signs them.

    `algorithm` None follows the token that came in. `issuer` replaces `iss`, where the server's own is not the public one. Without a
    vault the originals are not kept, and re-issued tokens are good for verification only.
    """

    def __init__(
        self,
        keys: SigningKeys,
        vault: Vault | None,
        metrics: Metrics,
        *,
        algorithm: str | None,
        issuer: str | None,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._vault = vault
        self._metrics = metrics
        self._algorithm = algorithm
        self._issuer = issuer
        self._max_bytes = max_bytes
        self._clock = clock

    async def access_token(self, original: str, verified: VerifiedToken, changes: TokenChanges) -> IssuedToken:
        """Sign an access token; raises TokenTooLarge, ClaimFrozen, StoreUnavailable."""
        payload = final_claims(
            verified.payload,
            set=changes.claims,
            remove=changes.remove_claims,
            scope=changes.scope,
            expires_at=self._expires_at(verified, changes),
            issuer=self._issuer,
        )
        value = await self._sign(verified, payload)
        claims = JsonObject.parse(payload).members
        expires_at = _exp(claims)
        if self._vault is not None:
            await self._vault.put(ACCESS, value, original.encode(), expires_at=expires_at + _LEEWAY)
        spoken_of = changes.scope is not None or "scope" in claims or "scp" in claims
        return IssuedToken(value=value, expires_at=expires_at, scope=" ".join(scope_of(claims)) if spoken_of else None)

    async def id_token(
        self, original: str, verified: VerifiedToken, claims: Mapping[str, object], access_token: str
    ) -> str:
        """Sign an ID token for the access token that leaves with it; raises as `access_token` does."""
        algorithm = verified.algorithm  # what the client registered for; nobody asked it for another
        payload = final_id_claims(
            verified.payload, set=claims, access_token=access_token, algorithm=algorithm, issuer=self._issuer
        )
        value = await reissue(verified, payload, await self._keys.signer_for(algorithm), max_bytes=self._max_bytes)
        self._metrics.token_signed(algorithm)
        if self._vault is not None:
            # As a hint at logout it is taken long after it has expired (RP-Initiated Logout section 2).
            await self._vault.put(ID, value, original.encode(), expires_at=self._clock() + 30 * 86400)
        return value

    async def _sign(self, verified: VerifiedToken, payload: bytes) -> str:
        signer = await self._keys.signer_for(self._algorithm or verified.algorithm)
        value = await reissue(verified, payload, signer, max_bytes=self._max_bytes)
        self._metrics.token_signed(signer.algorithm)
        return value

    def _expires_at(self, token: VerifiedToken, changes: TokenChanges) -> int | None:
        """The `exp` that a hook asked for; a hook can shorten a life and not lengthen it."""
        if changes.expires_in is None:
            return None
        wanted = int(self._clock()) + changes.expires_in
        return wanted if wanted < _exp(token.payload.members) else None


def end_members(envelope: JsonObject, expires_at: float, now: float) -> dict[str, object]:
    """The members of a token answer that say when a token ends, which it does at `expires_at`."""
    members: dict[str, object] = {"expires_in": max(0, int(expires_at - now))}
    said = envelope.members.get(
        "expires_at"
    )  # of no RFC; clients go by it where a server sends it, in seconds since 1970
    if isinstance(said, (int, float)) and said > expires_at:
        members["expires_at"] = int(expires_at)
    return members


def _exp(claims: Mapping[str, object]) -> float:
    expires = claims["exp"]  # a verified token has one, and it is a number
    return expires if isinstance(expires, (int, float)) else 0.0
