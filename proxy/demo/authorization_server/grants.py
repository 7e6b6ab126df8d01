"""The grants of the token endpoint."""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from hookpoint.proxy.demo.authorization_server.clients import CLIENT_AUTH_METHODS, Client
from hookpoint.proxy.demo.authorization_server.forms import FormRequest


class InvalidTargetError(OAuth2Error):
    """A resource was asked for that is unknown or not for this client (RFC 8707 section 2)."""

    error = "invalid_target"


def allowed_audiences(request: FormRequest, client: Client) -> list[str]:
    """What the request names, else the client's default; InvalidTargetError for what the client may not ask for."""
    named = request.payload.datalist
    audiences = list(dict.fromkeys([*named.get("resource", ()), *named.get("audience", ())]))
    if not audiences and not client.audiences:
        raise InvalidTargetError("The request names no audience and the client has no default one.")
    if not set(audiences) <= set(client.audiences):
        raise InvalidTargetError("The client may not ask for a token for this audience.")
    return audiences or [client.audiences[0]]


class AudienceMixin:
    """For grants whose tokens are for what the request names as `resource` (RFC 8707) or `audience` (RFC 8693)."""

    request: Any
    server: Any
    GRANT_TYPE: Any

    def generate_token(
        self,
        user: object = None,
        scope: str | None = None,
        grant_type: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        token: dict[str, Any] = self.server.token_issuer.generator(
            allowed_audiences(self.request, self.request.client)
        )(grant_type or self.GRANT_TYPE, self.request.client, user, scope, expires_in, include_refresh_token)
        return token


class ClientCredentials(AudienceMixin, ClientCredentialsGrant):
    """A client asks for a token of its own (RFC 6749 section 4.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH_METHODS
