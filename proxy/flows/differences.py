"""How what hookpoint says of a token differs from what the server says of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hookpoint.hooks.rules import scope_as
from hookpoint.hooks.strict_json import JsonError, JsonObject, write_json
from hookpoint.proxy.tokens.compact import classify, split
from hookpoint.proxy.tokens.errors import TokenRejected
from hookpoint.proxy.tokens.own_tokens import OwnToken, read_record
from hookpoint.proxy.tokens.reissue import scope_of
from hookpoint.proxy.vault.kinds import OPAQUE
from hookpoint.proxy.vault.vault import Vault

_SCOPES = ("scope", "scp")
# What an introspection answer says of the token's state (RFC 7662 section 2.2); no claim may take its place.
_OF_THE_STATE = frozenset(["active", "token_type"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Claims that hookpoint says otherwise or leaves out; `scope` None when both say the same.

    `expires_at`, in seconds since 1970, is there when the token ends before the server thinks so.
    """

    claims: Mapping[str, object] = field(repr=False)
    removed: Collection[str] = ()
    scope: Collection[str] | None = None
    expires_at: float | None = None

    def applied(self, document: JsonObject) -> bytes:
        """An introspection answer with the difference in it, scope in the form the server uses; raises JsonError."""
        members = dict(self.claims)
        removed = [name for name in self.removed if name in document.members]
        if self.scope is not None:
            for name in [name for name in _SCOPES if name in document.members] or ["scope"]:
                if self.scope:
                    members[name] = scope_as(document.members.get(name, ""), self.scope)
                else:
                    removed.append(name)
        return document.edited(members, removed)


def difference(found: OwnToken) -> Difference:
    """How a re-issued token differs from its original; from an opaque one in everything."""
    before, after = _claims_of(found.original or ""), found.claims
    scopes = scope_of(before), scope_of(after)
    return Difference(
        claims=_claims({name: value for name, value in after.items() if not _is_same(before, name, value)}),
        removed=_claims({name: None for name in before if name not in after}),
        scope=None if set(scopes[0]) == set(scopes[1]) else scopes[1],
    )


async def recorded_difference(vault: Vault, token: str) -> Difference | None:
    """What hooks made of a token that only the server can read, or None; raises StoreUnavailable."""
    if classify(token) == "jws":
        return None
    record = await read_record(vault, OPAQUE, token)
    if record is None:
        return None
    members = JsonObject.parse(record).members
    claims, removed, scope, expires_at = (members.get(name) for name in ("claims", "remove", "scope", "exp"))
    ends = expires_at if isinstance(expires_at, (int, float)) else None
    changed = {} if ends is None else {"exp": ends}
    return Difference(
        claims=_claims({**(claims if isinstance(claims, Mapping) else {}), **changed}),
        removed=_claims(dict.fromkeys(removed)) if isinstance(removed, list) else (),
        scope=scope if isinstance(scope, list) else None,
        expires_at=ends,
    )


def _claims(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if name not in _OF_THE_STATE and name not in _SCOPES}


def _claims_of(token: str) -> Mapping[str, object]:
    try:
        return JsonObject.parse(split(token).payload).members
    except (TokenRejected, JsonError):
        return {}


def _is_same(claims: Mapping[str, object], name: str, value: object) -> bool:
    """Compare as JSON: Python takes 1, 1.0 and True for equal."""
    return name in claims and write_json(claims[name]) == write_json(value)
