"""Signs a verified token again, with what hooks changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hookpoint.hooks import TokenChanges
from hookpoint.proxy.observability import Metrics
from hookpoint.proxy.strict_json import JsonObject
from hookpoint.proxy.tokens.reissue import final_claims, reissue, scope_of
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.tokens.verification import VerifiedToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Reissued:
    """A token that is ready to leave. `expires_at` is in seconds since 1970, `scope` None when neither token nor hooks have one."""

    value: str = field(repr=False)
    expires_at: float
    scope: str | None


class Reissuer:
    """Applies changes to verified tokens and signs them.

    `algorithm` None follows the token that came in. `issuer` replaces `iss`, where the server's own is not the public one.
    """

    def __init__(
        self,
        keys: SigningKeys,
        metrics: Metrics,
        *,
        algorithm: str | None,
        issuer: str | None,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._metrics = metrics
        self._algorithm = algorithm
        self._issuer = issuer
        self._max_bytes = max_bytes
        self._clock = clock

    async def reissue(self, token: VerifiedToken, changes: TokenChanges) -> Reissued:
        """Raises TokenTooLarge, and StoreUnavailable when a key must be made and cannot be kept."""
        signer = await self._keys.signer_for(self._algorithm or token.algorithm)
        payload = final_claims(
            token.payload,
            set=changes.claims,
            remove=changes.remove_claims,
            scope=changes.scope,
            expires_at=self._expires_at(token, changes),
            issuer=self._issuer,
        )
        value = await reissue(token, payload, signer, max_bytes=self._max_bytes)
        self._metrics.token_signed(signer.algorithm)
        claims = JsonObject.parse(payload).members
        scope = scope_of(claims)
        has_scope = changes.scope is not None or "scope" in claims or "scp" in claims
        return Reissued(value=value, expires_at=_exp(claims), scope=" ".join(scope) if has_scope else None)

    def _expires_at(self, token: VerifiedToken, changes: TokenChanges) -> int | None:
        """The `exp` that a hook asked for; a hook can shorten a life and not lengthen it."""
        if changes.expires_in is None:
            return None
        wanted = int(self._clock()) + changes.expires_in
        return wanted if wanted < _exp(token.payload.members) else None


def _exp(claims: Mapping[str, object]) -> float:
    expires = claims["exp"]  # a verified token has one, and it is a number
    return expires if isinstance(expires, (int, float)) else 0.0
