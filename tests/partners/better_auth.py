"""better-auth (npm): JWTs signed with EdDSA for a resource and opaque tokens without, users, passwords, codes for phones."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2

from tests.partners.loopback import open_http
from tests.partners.node import NODE_FOLDER, require_node
from tests.partners.partner import SECRET_HEADER, Client, Partner
from tests.partners.processes import server_process
from tests.partners.proof_key import new_proof_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RESOURCE = "https://api.example.test"
LOGIN_CLIENT = "login"
REDIRECT_URI = "https://app.example.test/callback"
CLIENTS = {
    client.client_id: client
    for client in (
        Client(client_id="m2m", client_secret="m2m-better-auth-secret-0123456789"),
        Client(client_id="m2m-post", client_secret="m2m-better-auth-secret-9876543210", method="client_secret_post"),
        Client(client_id=LOGIN_CLIENT, client_secret="login-better-auth-secret-0123456789"),
    )
}


@contextmanager
def run_better_auth(
    issuer: str | None = None,
    secret: tuple[str, str] = SECRET_HEADER,
    *,
    webhook: str | None = None,
    webhook_headers: Mapping[str, str] | None = None,
) -> Iterator[Partner]:
    """Run better-auth under the origin `issuer` (the public URL of a proxy; None: its own address).

    Everything of it is below /api/auth, its issuer too. A token without a resource can be introspected by the client it was issued to
    and by nobody else. Codes for phone numbers and second factors are posted to `webhook` as {"to", "code"},
    with `webhook_headers`.
    """
    node = require_node()
    settings = {
        "publicUrl": issuer,
        "secret": secret,
        "clients": [client.as_json() for client in CLIENTS.values()],
        "loginClient": LOGIN_CLIENT,
        "redirectUri": REDIRECT_URI,
        "resources": [RESOURCE],
        "webhook": webhook,
        "webhookHeaders": {**(webhook_headers or {})},
    }
    command = [node.executable, NODE_FOLDER / "servers" / "better_auth.mjs"]
    with server_process(command, settings=settings, env=node.environment()) as process:
        yield Partner(
            url=process.ready["url"],
            issuer=process.ready["issuer"],
            control=process.ready["control"],
            token_path="/api/auth/oauth2/token",
            jwks_path="/api/auth/jwks",
            secret=secret,
            clients=CLIENTS,
            process=process,
        )


async def sign_in(
    provider: Partner,
    base_url: str,
    *,
    scope: str = "openid profile email offline_access api:read",
    headers: Mapping[str, str] | None = None,
    **parameters: str,
) -> dict[str, Any]:
    """Sign a new user up at `base_url` (the provider, or a proxy in front of it) and return the token answer."""
    client, key = provider.clients[LOGIN_CLIENT], new_proof_key()
    query = {
        "client_id": client.client_id,
        "response_type": "code",
        "redirect_uri": REDIRECT_URI,
        "scope": scope,
        "state": secrets.token_urlsafe(),
        **key.challenge,
    }
    async with open_http(headers, base_url=f"{base_url}/api/auth") as http:
        await sign_up(http, provider)
        answer = await http.get("/oauth2/authorize", params=query | parameters)
    code = httpx2.URL(answer.headers["location"]).params["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    form |= {"code_verifier": key.verifier} | parameters
    async with open_http(headers) as http:  # the application, which has none of the browser's cookies
        url = base_url + provider.token_path
        granted = await http.post(url, data=form, auth=(client.client_id, client.client_secret))
    granted.raise_for_status()
    members: dict[str, Any] = granted.json()
    return members


async def sign_up(
    http: httpx2.AsyncClient, provider: Partner, *, email: str = "", password: str = "any password will do"
) -> None:
    """Register a user; `http` holds the session afterwards. Its base is below /api/auth."""
    user = {"email": email or f"{secrets.token_hex(8)}@example.com", "password": password, "name": "Jo Doe"}
    answer = await http.post("/sign-up/email", json=user, headers={"origin": provider.issuer.removesuffix("/api/auth")})
    answer.raise_for_status()
