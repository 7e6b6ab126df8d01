"""Supabase's hook `customize-access-token`: the answer is the complete set of claims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from hookpoint.hooks.events import Client, CredentialsExchange, TokenIssuance, User
from hookpoint.hooks.http.formats.format import Answer, Facts, Json, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.supabase.envelope import (
    FAILED,
    STATUSES,
    metadata,
    raise_error,
    read_request,
    refusal,
    with_plus,
)
from hookpoint.hooks.http.formats.tokens import applied, as_audiences, differences
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.json import freeze
from hookpoint.hooks.results import TokenChanges
from hookpoint.hooks.rules import scope_as

_NAME: Final = "customize-access-token"
_METHODS: Final = {"refresh_token": "token_refresh", "authorization_code": "oauth_provider/authorization_code"}
_GRANTS: Final = {theirs: ours for ours, theirs in _METHODS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SupabaseTokens:
    """The hook."""

    statuses: Statuses = STATUSES

    def write_event(self, event: TokenIssuance, facts: Facts) -> Json:
        """`{metadata, user_id, claims, authentication_method}`."""
        return {
            "metadata": metadata(_NAME, event.request, facts),
            "user_id": event.user.id,
            "claims": _sent(event),
            "authentication_method": _METHODS.get(event.grant_type, event.grant_type),
        }

    def read_answer(self, event: TokenIssuance, answer: Answer, facts: Facts) -> TokenChanges | None:
        """What is other than it was sent. Raises Unreadable when `claims` are missing."""
        raise_error(answer)
        if answer.status == 204:
            return None
        if not answer.read.has("claims"):
            raise Unreadable("claims is missing; the answer has all claims, also those that stay")
        claims = answer.read.mapping("claims")
        changed, removed = differences(_sent(event), claims)
        changes = TokenChanges()
        if "exp" in changed:
            changes = replace(changes, expires_in=_life(changed.pop("exp"), facts))
        if (scope := changed.pop("scope", None)) is not None:
            if not isinstance(scope, str):
                raise Unreadable("claims.scope is not a text")
            changes = replace(changes, scope=frozenset(scope.split()))
        changes = replace(changes, claims=changed, remove_claims=removed & event.claims.keys())
        return None if changes == TokenChanges() else changes

    def read_event(self, body: Members, facts: Facts) -> CredentialsExchange:
        """Raises Unreadable."""
        claims = body.mapping("claims")
        read = Members(claims)
        method = body.text("authentication_method")
        grant = _GRANTS.get(method, method)
        audiences = as_audiences(claims.get("aud"))
        return TokenIssuance(
            client=Client(id=read.text("client_id")),
            scope=frozenset(read.text("scope").split()),
            audience=audiences[0] if audiences else "",
            audiences=audiences,
            claims=freeze(claims),
            request=read_request(body),
            grant_type=grant,
            user=User(
                id=body.text("user_id"),
                email=read.text("email"),
                phone_number=with_plus(read.text("phone")),
                user_metadata=freeze(read.mapping("user_metadata")),
                app_metadata=freeze(read.mapping("app_metadata")),
            ),
            is_refresh=grant == "refresh_token",
        )

    def write_answer(self, event: TokenIssuance, verdict: Verdict, facts: Facts) -> Answer:
        """All claims."""
        if verdict.failed:
            return FAILED
        if verdict.denial is not None:
            return refusal(verdict.denial)
        changes: TokenChanges | None = verdict.changes
        claims: dict[str, Any] = applied(event.claims, changes)
        if changes is not None:
            if changes.id_token_claims:
                raise Unsayable("Supabase's hook has no ID token")
            if changes.scope is not None:
                claims["scope"] = scope_as(claims.get("scope", ""), frozenset(changes.scope))
            if changes.expires_in is not None:
                claims["exp"] = int(facts.at) + changes.expires_in
        return Answer(status=200, members={"claims": claims})


def _sent(event: TokenIssuance) -> dict[str, Any]:
    """The token's claims, and those that Supabase's always have."""
    user = event.user
    always = {
        "email": user.email,
        "phone": user.phone_number.removeprefix("+"),
        "app_metadata": user.app_metadata,
        "user_metadata": user.user_metadata,
        "role": "authenticated",
        "aal": "aal1",
        "session_id": "",
        "is_anonymous": False,
        "client_id": event.client.id,
        "scope": " ".join(sorted(event.scope)),
    }
    return {**always, **event.claims}


def _life(exp: object, facts: Facts) -> int:
    if isinstance(exp, bool) or not isinstance(exp, int):
        raise Unreadable("claims.exp is no whole number of seconds")
    return max(1, exp - int(facts.at))
