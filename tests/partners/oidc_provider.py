"""oidc-provider (npm): JWTs signed with RS256, ES256 or EdDSA, opaque and encrypted tokens, DPoP, code with PKCE, refresh, exchange."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from joserfc.jwk import RSAKey

from tests.partners.node import NODE_FOLDER, require_node
from tests.partners.partner import SECRET_HEADER, Client, Partner
from tests.partners.processes import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

RS256_RESOURCE = "https://rs256.example.test"
ES256_RESOURCE = "https://es256.example.test"
EDDSA_RESOURCE = "https://eddsa.example.test"
OPAQUE_RESOURCE = "https://opaque.example.test"
ENCRYPTED_RESOURCE = "https://encrypted.example.test"

LOGIN_CLIENT = "login"
NONCE_CLIENT = "m2m-nonce"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
REDIRECT_URI = "https://app.example.test/callback"


@contextmanager
def run_oidc_provider(
    issuer: str | None = None, secret: tuple[str, str] = SECRET_HEADER, *, binds_id_tokens: bool = False
) -> Iterator[Partner]:
    """Run oidc-provider under `issuer` (the public URL of a proxy; None: its own address).

    With `binds_id_tokens` its ID tokens carry the hash of the access token beside them (OpenID Connect Core section 3.1.3.6).
    """
    node = require_node()
    clients = _clients()
    metadata = [_metadata(client) for client in clients.values()]
    settings = {
        "issuer": issuer,
        "secret": secret,
        "clients": metadata,
        "nonceClient": NONCE_CLIENT,
        "bindsIdTokens": binds_id_tokens,
    }
    command = [node.executable, NODE_FOLDER / "servers" / "oidc_provider.mjs"]
    with server_process(command, settings=settings, env=node.environment()) as process:
        yield Partner(
            url=process.ready["url"],
            issuer=process.ready["issuer"],
            control=process.ready["control"],
            token_path="/oauth/token",
            jwks_path="/.well-known/jwks.json",
            secret=secret,
            clients=clients,
            process=process,
        )


@functools.cache
def client_key() -> dict[str, str]:
    """A private RSA JWK with which the private_key_jwt client signs its assertions."""
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "client-1"})
    return {name: str(value) for name, value in key.as_dict(private=True).items()}


def _clients() -> dict[str, Client]:
    known = [
        Client(client_id="m2m", client_secret="m2m-basic-secret-0123456789abcdef"),
        Client(client_id="m2m-post", client_secret="m2m-post-secret-0123456789abcdef", method="client_secret_post"),
        Client(client_id="m2m-jwt", method="private_key_jwt", private_key=client_key()),
        Client(client_id=NONCE_CLIENT, client_secret="m2m-nonce-secret-0123456789abcdef"),
        Client(client_id=LOGIN_CLIENT, client_secret="login-secret-0123456789abcdef0123"),
    ]
    return {client.client_id: client for client in known}


def _metadata(client: Client) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "client_id": client.client_id,
        "token_endpoint_auth_method": client.method,
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
    }
    if client.private_key is not None:
        metadata["jwks"] = {"keys": [RSAKey.import_key(dict(client.private_key)).as_dict(private=False)]}
    else:
        metadata["client_secret"] = client.client_secret
    if client.client_id == LOGIN_CLIENT:
        grants = ["authorization_code", "refresh_token", TOKEN_EXCHANGE]
        metadata |= {"grant_types": grants, "redirect_uris": [REDIRECT_URI], "response_types": ["code"]}
    return metadata
