"""Real OAuth clients that ask for tokens: Authlib in Python and openid-client in Node.js."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import RSAKey

from tests.partners.loopback import open_http
from tests.partners.node import run_script_in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.partners.partner import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token answer as the client library understood it; `jkt` is the thumbprint of the DPoP key that was used."""

    answer: Mapping[str, Any]
    jkt: str | None = None

    @property
    def access_token(self) -> str:
        """The access token."""
        return str(self.answer["access_token"])


class GrantRefusedError(Exception):
    """The client library reported an error: `error` is the OAuth code, or the library's own when there is none."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error


async def get_token_with_authlib(
    issuer: str, client: Client, *, headers: Mapping[str, str] | None = None, **parameters: str
) -> Grant:
    """Discover `issuer` and get a client_credentials token; `parameters` (scope, resource ...) go into the body.

    Raises GrantRefusedError. private_key_jwt assertions name the token endpoint as their audience.
    """
    secret: object = client.client_secret
    if client.private_key is not None:
        secret = RSAKey.import_key(dict(client.private_key))
    async with AsyncOAuth2Client(
        client.client_id,
        secret,
        token_endpoint_auth_method=client.method,
        headers=dict(headers or {}),
        trust_env=False,
        verify=False,
    ) as session:
        token_endpoint = (await _discover(issuer, headers))["token_endpoint"]
        session.register_client_auth_method(PrivateKeyJWT(token_endpoint))
        try:
            answer = await session.fetch_token(token_endpoint, grant_type="client_credentials", **parameters)
        except OAuthError as error:
            raise GrantRefusedError(error.error, error.description) from error
    return Grant(answer=dict(answer))


async def get_token_with_openid_client(
    issuer: str,
    client: Client,
    *,
    dpop: bool = False,
    headers: Mapping[str, str] | None = None,
    **parameters: str,
) -> Grant:
    """Discover `issuer` and get a client_credentials token, bound to a fresh ES256 key with `dpop`.

    Raises GrantRefusedError. private_key_jwt assertions name the issuer as their audience.
    """
    request = {
        "issuer": issuer,
        "client": client.as_json(),
        "parameters": parameters,
        "action": "credentials",
        "dpop": dpop,
        "headers": dict(headers or {}),
    }
    said = await run_script_in_thread("clients/openid_client.mjs", request)
    if "error" in said:
        raise GrantRefusedError(str(said["error"]), str(said.get("error_description")))
    answer, jkt = said["answer"], said.get("jkt")
    assert isinstance(answer, dict)
    return Grant(answer=answer, jkt=str(jkt) if jkt is not None else None)


async def _discover(issuer: str, headers: Mapping[str, str] | None) -> dict[str, Any]:
    async with open_http(headers) as http:
        answer = await http.get(f"{issuer}/.well-known/openid-configuration")
    answer.raise_for_status()
    metadata: dict[str, Any] = answer.json()
    return metadata
