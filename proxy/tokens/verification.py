"""Verifying the upstream's tokens before anything is built on them (RFC 7515 section 5.2, RFC 8725)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.tokens.algorithms import ALGORITHMS, ALL
from hookpoint.proxy.tokens.claim_checks import TypeCheck, check_id_token, check_issuer, check_times, check_type
from hookpoint.proxy.tokens.compact import CompactToken, split
from hookpoint.proxy.tokens.errors import TokenRejected
from hookpoint.proxy.tokens.public_keys import KeySource, VerificationKey

MAX_BYTES: Final = 16 * 1024
LEEWAY: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """A token that holds: its header, its payload with the original bytes, and what it was verified with."""

    header: Mapping[str, object]
    payload: JsonObject
    algorithm: str
    kid: str | None
    typ: str | None


class TokenVerifier:
    """Verifies the tokens of one issuer.

    `algorithms` pins what may be used; `none` and HMAC never can. `leeway` is in seconds and `max_bytes` counts the
    whole token. Keys come from `keys` alone: `jwk`, `jku`, `x5u` and `x5c` in a header are never looked at.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        algorithms: frozenset[str] = ALL,
        typ: TypeCheck = "lenient",
        leeway: int = LEEWAY,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if unknown := algorithms - ALL:
            raise ValueError(f"these algorithms cannot be used: {', '.join(sorted(unknown))}")
        self._keys = keys
        self._issuer = issuer
        self._algorithms = algorithms
        self._typ: TypeCheck = typ
        self._leeway = leeway
        self._max_bytes = max_bytes
        self._clock = clock

    async def verify(self, token: str, client_id: str | None = None) -> VerifiedToken:
        """Verify an access token, issued to `client_id` where known; raises TokenRejected and KeysUnavailable."""
        verified = await self._verify_any(token)
        check_type(verified.typ, verified.payload.members, client_id, self._typ)
        return verified

    async def verify_id_token(self, token: str, client_id: str) -> VerifiedToken:
        """Verify an ID token that was issued to `client_id` (OpenID Connect Core section 3.1.3.7); raises as `verify` does."""
        verified = await self._verify_any(token)
        check_id_token(verified.typ, verified.payload.members, client_id)
        return verified

    async def _verify_any(self, token: str) -> VerifiedToken:
        if len(token) > self._max_bytes:
            raise TokenRejected("token_too_large", f"it has {len(token)} bytes, {self._max_bytes} are allowed")
        parts = split(token)
        header = _object(parts.header, "header").members
        algorithm = self._algorithm(header)
        kid, typ = _text(header, "kid"), _text(header, "typ")
        keys = await self._keys.find(kid, algorithm)
        _check_signature(parts, keys, algorithm)
        payload = _object(parts.payload, "payload")
        check_issuer(payload.members, self._issuer)
        check_times(payload.members, self._clock(), self._leeway)
        return VerifiedToken(header=header, payload=payload, algorithm=algorithm, kid=kid, typ=typ)

    def _algorithm(self, header: Mapping[str, object]) -> str:
        # No extension is implemented, so every list of critical ones names something unknown (RFC 7515 section 4.1.11),
        # and `b64` without it is a trap for verifiers that differ (RFC 7797 section 6).
        if present := [name for name in ("crit", "b64") if name in header]:
            raise TokenRejected("critical_header", f"its header has '{present[0]}'")
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise TokenRejected("algorithm_not_allowed", f"its algorithm is {repr(algorithm)[:50]}")
        return algorithm


def _object(data: bytes, part: str) -> JsonObject:
    try:
        return JsonObject.parse(data)
    except JsonError as error:
        raise TokenRejected("token_malformed", f"its {part} is not strict JSON: {error}") from None


def _text(header: Mapping[str, object], name: str) -> str | None:
    if name not in header:
        return None
    value = header[name]
    if not isinstance(value, str):
        raise TokenRejected("token_malformed", f"its header's '{name}' is not a string")
    return value


def _check_signature(parts: CompactToken, keys: Sequence[VerificationKey], algorithm: str) -> None:
    if not keys:
        raise TokenRejected("unknown_key", f"no key of the upstream has its kid and fits {algorithm}")
    model = ALGORITHMS[algorithm].model
    if not any(model.verify(parts.signing_input, parts.signature, key.key) for key in keys):
        raise TokenRejected("bad_signature", "its signature does not match")
