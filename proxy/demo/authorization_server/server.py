"""Authlib's authorization server core with this server's clients, tokens, grants and endpoints."""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from starlette.responses import JSONResponse, Response

from hookpoint.proxy.demo.authorization_server.assertions import PrivateKeyJWT
from hookpoint.proxy.demo.authorization_server.clients import Client
from hookpoint.proxy.demo.authorization_server.endpoints import Introspection, Revocation
from hookpoint.proxy.demo.authorization_server.forms import FormRequest
from hookpoint.proxy.demo.authorization_server.grants import ClientCredentials
from hookpoint.proxy.demo.authorization_server.tokens import TokenIssuer


class DemoAuthorizationServer(AuthorizationServer):
    """The core: it knows requests as `FormRequest` and answers as Starlette responses."""

    def __init__(self, clients: Iterable[Client], token_issuer: TokenIssuer, *, token_endpoint: str) -> None:
        super().__init__()
        self.token_issuer = token_issuer
        self._clients: Mapping[str, Client] = {client.client_id: client for client in clients}
        self.register_client_auth_method("private_key_jwt", PrivateKeyJWT([token_issuer.issuer, token_endpoint]))
        self.register_grant(ClientCredentials)
        self.register_endpoint(Introspection)
        self.register_endpoint(Revocation)

    @property
    def clients(self) -> Iterable[Client]:
        return self._clients.values()

    def query_client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def authenticate_client(self, request: FormRequest, methods: list[str], endpoint: str = "token") -> Client:
        """The client that proved itself in exactly one way (RFC 6749 section 2.3)."""
        ways = ["authorization" in request.headers, "client_secret" in request.form, "client_assertion" in request.form]
        if sum(ways) > 1:
            raise InvalidRequestError("The client authenticates in more than one way.")
        try:
            client: Client = super().authenticate_client(request, methods, endpoint)
        except ValueError as error:
            # Raised by Authlib for credentials that are not text, or that cannot be quoted in an error.
            raise InvalidClientError("The credentials cannot be read.", status_code=401) from error
        if request.form.get("client_id", client.client_id) != client.client_id:
            raise InvalidRequestError("The client_id is not the one of the credentials.")
        return client

    def save_token(self, token: Mapping[str, Any], request: FormRequest) -> None:
        """Nothing to keep: a token carries its own claims, and only what is revoked is remembered."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: FormRequest) -> FormRequest:
        return request

    def handle_response(self, status: int, body: object, headers: Iterable[tuple[str, str]]) -> Response:
        return JSONResponse(body, status, dict(headers))
