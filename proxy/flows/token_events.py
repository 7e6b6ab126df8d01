"""What hooks are told of a token: before the server is asked, and after it has answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from hookpoint.hooks import CredentialsExchange, JsonValue, TokenIssuance, User, credentials_exchange, token_issuance
from hookpoint.hooks.json import freeze
from hookpoint.hooks.points import TokenPoint
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.flows.token_answer import texts
from hookpoint.proxy.flows.token_request import CLIENT_CREDENTIALS, REFRESH_TOKEN, TokenRequest

Claims = Mapping[str, object]


def point_of(asked: TokenRequest) -> TokenPoint[Any]:
    """The extensibility point of a grant."""
    return credentials_exchange if asked.grant_type == CLIENT_CREDENTIALS else token_issuance


def early_event(asked: TokenRequest, directory: Directory) -> CredentialsExchange:
    """What the request tells."""
    return _event(asked, directory, {}, asked.scope, asked.audiences)


def late_event(
    asked: TokenRequest,
    directory: Directory,
    *,
    claims: Claims,
    envelope: Claims,
    id_token_claims: Claims,
    granted_before: frozenset[str],
) -> CredentialsExchange:
    """What the server's answer tells: `claims` are those of the access token, `envelope` the members of the answer."""
    audiences = texts(claims.get("aud")) or asked.audiences
    event = _event(asked, directory, claims, _scope(claims, envelope, asked), audiences)
    if not isinstance(event, TokenIssuance):
        return event
    return replace(
        event,
        user=_user({**id_token_claims, **claims}),
        granted_before=granted_before,
        id_token_claims=freeze(cast("Mapping[str, JsonValue]", id_token_claims)),
    )


def _event(
    asked: TokenRequest, directory: Directory, claims: Claims, scope: frozenset[str], audiences: tuple[str, ...]
) -> CredentialsExchange:
    members: dict[str, Any] = {
        "client": directory.client(client_id_of(claims) or asked.client_id),
        "scope": scope,
        "audience": next(iter(audiences), ""),
        "audiences": audiences,
        "claims": freeze(cast("Mapping[str, JsonValue]", claims)),
        "parameters": asked.parameters,
        "request": asked.request,
    }
    if asked.grant_type == CLIENT_CREDENTIALS:
        return CredentialsExchange(**members)
    return TokenIssuance(**members, grant_type=asked.grant_type, is_refresh=asked.grant_type == REFRESH_TOKEN)


def client_id_of(claims: Claims) -> str | None:
    """The client that a token names."""
    # RFC 9068 section 2.2; OpenID Connect Core section 2 for servers that name the client in azp.
    return next((value for name in ("client_id", "azp") if isinstance(value := claims.get(name), str)), None)


def _scope(claims: Claims, envelope: Claims, asked: TokenRequest) -> frozenset[str]:
    for value in (claims.get("scope"), claims.get("scp"), envelope.get("scope")):
        if value is not None:
            return frozenset(" ".join(texts(value)).split())
    # RFC 6749 section 5.1: an answer without scope grants what was asked for; a token that can be read tells itself.
    return frozenset() if claims else asked.scope


def _user(claims: Claims) -> User:
    """Whom a token is for, by the standard claims (OpenID Connect Core section 5.1)."""

    def text(name: str) -> str:
        value = claims.get(name)
        return value if isinstance(value, str) else ""

    return User(
        id=text("sub"),
        username=text("preferred_username"),
        email=text("email"),
        email_verified=claims.get("email_verified") is True,
        phone_number=text("phone_number"),
        phone_verified=claims.get("phone_number_verified") is True,
        name=text("name"),
    )
