"""What formats for tokens have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hookpoint.hooks.events import Client, CredentialsExchange, Request, TokenIssuance, User
from hookpoint.hooks.json import JsonValue, freeze
from hookpoint.hooks.results import TokenChanges
from hookpoint.hooks.rules import FROZEN_CLAIMS, GUARDED_CLAIMS

CLIENT_CREDENTIALS: Final = "client_credentials"
REFUSED: Final = "The hook refused."


def free_claims(claims: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The claims that hooks may write."""
    return {name: value for name, value in claims.items() if name not in FROZEN_CLAIMS and name not in GUARDED_CLAIMS}


def differences(
    before: Mapping[str, JsonValue], after: Mapping[str, Any]
) -> tuple[dict[str, JsonValue], frozenset[str]]:
    """What is new or other in `after`, and the names that it lacks."""
    changed = {name: value for name, value in after.items() if name not in before or not _same(before[name], value)}
    return changed, frozenset(before.keys() - after.keys())


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; arrays may be tuples, and true is not 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def applied(claims: Mapping[str, JsonValue], changes: TokenChanges | None) -> dict[str, JsonValue]:
    """Claims of an access token with changes applied."""
    if changes is None:
        return dict(claims)
    removed = frozenset(changes.remove_claims)
    return {name: value for name, value in claims.items() if name not in removed} | dict(changes.claims)


def grant_of(event: CredentialsExchange) -> str:
    """The grant of a token request."""
    return event.grant_type if isinstance(event, TokenIssuance) else CLIENT_CREDENTIALS


def token_event(
    *,
    grant: str,
    client: Client,
    scope: frozenset[str],
    audiences: tuple[str, ...],
    claims: Mapping[str, Any],
    id_token_claims: Mapping[str, Any],
    user: User,
    request: Request,
) -> CredentialsExchange:
    """The event of a request that came in another system's format."""
    common: dict[str, Any] = {
        "client": client,
        "scope": scope,
        "audience": audiences[0] if audiences else "",
        "audiences": audiences,
        "claims": freeze(claims),
        "parameters": freeze({"grant_type": grant} if grant else {}),
        "request": request,
    }
    if grant == CLIENT_CREDENTIALS:
        return CredentialsExchange(**common)
    return TokenIssuance(
        **common,
        grant_type=grant,
        user=user,
        is_refresh=grant == "refresh_token",
        id_token_claims=freeze(id_token_claims),
    )


def as_audiences(value: object) -> tuple[str, ...]:
    """The texts of a claim `aud`, which is one text or an array (RFC 7519 section 4.1.3)."""
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, (list, tuple)) else ()
