"""The finished token: the upstream's claims with the changes of hooks, under hookpoint's signature."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final
from uuid import uuid4

from hookpoint.hooks.rules import FROZEN_CLAIMS, scope_as
from hookpoint.hooks.strict_json import JsonObject, write_json
from hookpoint.proxy.tokens.compact import encode_segment
from hookpoint.proxy.tokens.errors import ClaimFrozen, ScopeInvalid, TokenTooLarge
from hookpoint.proxy.tokens.signer import Signer
from hookpoint.proxy.tokens.verification import VerifiedToken

# Fits the header limits of common servers: nginx takes 8 KiB for one header line, Node.js 16 KiB for all.
MAX_BYTES: Final = 8 * 1024

# What hooks may not write, and what no field of their results reaches: a fault in between must not show in a token.
FROZEN: Final = FROZEN_CLAIMS | {"sub", "aud", "exp"}
_SCOPE_CLAIMS: Final = ("scope", "scp")
# RFC 6749 section 3.3.
_scope_value = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+").fullmatch


def scope_of(claims: Mapping[str, object]) -> Sequence[str]:
    """Return the scope values of a token, from `scope` or `scp`, each a string (RFC 9068 section 2.2.3) or a list."""
    values: list[str] = []
    for name in _SCOPE_CLAIMS:
        claim = claims.get(name)
        listed = claim.split() if isinstance(claim, str) else claim
        if isinstance(listed, list):
            values += [value for value in listed if isinstance(value, str)]
    return list(dict.fromkeys(values))


def final_claims(
    upstream: JsonObject,
    *,
    set: Mapping[str, object],  # noqa: A002 - reads as intended
    remove: Collection[str] = (),
    scope: Collection[str] | None = None,
    expires_at: int | None = None,
    issuer: str | None = None,
    new_jti: Callable[[], str] = lambda: uuid4().hex,
) -> bytes:
    """Return the payload of the finished token; claims that do not change keep their bytes and their order.

    `scope` replaces all scope values, None keeps them; they stay in the claim and in the form the upstream used.
    `expires_at` is in seconds since 1970 and may only shorten. `issuer` replaces `iss`. A `jti` is made where there is
    none (RFC 9068 section 2.2). Raises ClaimFrozen, ScopeInvalid, and JsonError for values that are not JSON.
    """
    claims = upstream.members
    changed = {name: value for name, value in set.items() if not _is_unchanged(claims, name, value)}
    removed = {name for name in remove if name in claims}
    for name in (*changed, *removed):
        if name in FROZEN:
            raise ClaimFrozen(name, "must stay as the upstream wrote it")
        if name in _SCOPE_CLAIMS:
            raise ClaimFrozen(name, "changes through the scope only")
    if scope is not None:
        _change_scope(claims, scope, changed, removed)
    if expires_at is not None:
        _shorten(claims, expires_at, changed)
    if issuer is not None:
        changed["iss"] = issuer
    if "jti" not in claims:
        changed["jti"] = new_jti()
    return upstream.edited(changed, removed)


def final_id_claims(
    upstream: JsonObject,
    *,
    set: Mapping[str, object],  # noqa: A002 - reads as intended
    access_token: str,
    algorithm: str,
    issuer: str | None = None,
) -> bytes:
    """Return the payload of an ID token that leaves beside `access_token`, in the manner of `final_claims`.

    `at_hash` is made anew where there is one; `c_hash` and `s_hash` speak of what did not change. Raises ClaimFrozen, JsonError.
    """
    claims = upstream.members
    changed = {name: value for name, value in set.items() if not _is_unchanged(claims, name, value)}
    for name in changed:
        if name in FROZEN:
            raise ClaimFrozen(name, "must stay as the upstream wrote it")
    if "at_hash" in claims:
        changed["at_hash"] = left_half_hash(access_token, algorithm)
    if issuer is not None:
        changed["iss"] = issuer
    return upstream.edited(changed)


def left_half_hash(value: str, algorithm: str) -> str:
    """Return `at_hash` of an access token for an ID token signed with `algorithm` (OpenID Connect Core section 3.1.3.6).

    The hash is that of the algorithm's name, SHA-512 for Ed25519 (RFC 8032 section 5.1.7).
    """
    bits = algorithm[-3:] if algorithm[:2] in ("RS", "PS", "ES") else "512"
    digest = hashlib.new(f"sha{bits}", value.encode("ascii")).digest()
    return encode_segment(digest[: len(digest) // 2]).decode()


def final_header(upstream: Mapping[str, object]) -> Mapping[str, object]:
    """Keep the type of the token; `alg` and `kid` are the signer's, and what points to other keys must go."""
    return {"typ": upstream["typ"]} if "typ" in upstream else {}


async def reissue(token: VerifiedToken, payload: bytes, signer: Signer, *, max_bytes: int = MAX_BYTES) -> str:
    """Sign the finished token, of at most `max_bytes` bytes; raises TokenTooLarge."""
    if len(payload) > max_bytes:
        raise TokenTooLarge(len(payload), max_bytes)
    finished = await signer.sign(final_header(token.header), payload)
    if len(finished) > max_bytes:
        raise TokenTooLarge(len(finished), max_bytes)
    return finished


def _is_unchanged(claims: Mapping[str, object], name: str, value: object) -> bool:
    """Compare as JSON: Python takes 1, 1.0 and True for equal."""
    return name in claims and write_json(claims[name]) == write_json(value)


def _change_scope(
    claims: Mapping[str, object], scope: Collection[str], changed: dict[str, object], removed: set[str]
) -> None:
    before = scope_of(claims)
    if frozenset(scope) == frozenset(before):
        return
    if invalid := [value for value in scope if not _scope_value(value)]:
        raise ScopeInvalid(f"{invalid[0]!r} is not a scope value")
    for name in [name for name in _SCOPE_CLAIMS if name in claims] or ["scope"]:
        if scope:
            changed[name] = scope_as(claims.get(name, ""), scope)
        else:
            removed.add(name)


def _shorten(claims: Mapping[str, object], expires_at: int, changed: dict[str, object]) -> None:
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires_at > expires:
        raise ClaimFrozen("exp", "may only come earlier than the upstream wrote it")
    if expires_at != expires:
        changed["exp"] = expires_at
