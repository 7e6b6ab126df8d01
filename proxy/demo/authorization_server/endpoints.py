"""What clients and resource servers may do with a token: ask about it, and take it back."""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from hookpoint.proxy.demo.authorization_server.clients import CLIENT_AUTH_METHODS, Client
from hookpoint.proxy.demo.authorization_server.tokens import IssuedToken


class Introspection(IntrospectionEndpoint):
    """Token introspection (RFC 7662): for the token's own client, and for those that may ask about any."""

    CLIENT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        found: IssuedToken | None = self.server.token_issuer.read(token_string)
        return found

    def check_permission(self, token: IssuedToken, client: Client, request: object) -> bool:
        return client.may_introspect or token.check_client(client)

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        return {"token_type": "Bearer", **token.claims}


class Revocation(RevocationEndpoint):
    """Token revocation (RFC 7009): a client takes back a token of its own."""

    CLIENT_AUTH_METHODS = CLIENT_AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        found: IssuedToken | None = self.server.token_issuer.read(token_string)
        return found

    def revoke_token(self, token: IssuedToken, request: object) -> None:
        self.server.token_issuer.revoke(token)
