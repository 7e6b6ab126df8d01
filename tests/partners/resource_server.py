"""Resource servers that know only an issuer URL: one in Python (joserfc), one in Node.js (jose)."""

from __future__ import annotations

import base64
import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from tests.partners.loopback import open_http
from tests.partners.node import run_script_in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """An access token that a resource server accepted."""

    claims: Mapping[str, Any]
    header: Mapping[str, Any]


class TokenRefusedError(Exception):
    """A resource server did not accept the token, or could not get the issuer's keys."""


def read_header(token: str) -> dict[str, Any]:
    """Return the header of a JWT without verifying anything."""
    return _read_part(token, 0)


def read_claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT without verifying anything."""
    return _read_part(token, 1)


async def resource_server_verify(
    token: str, issuer: str, audience: str, *, headers: Mapping[str, str] | None = None
) -> VerifiedToken:
    """Verify `token` in both resource servers, by the discovery document and the keys that `issuer` serves over HTTP.

    Raises TokenRefusedError when either of them refuses it.
    """
    in_node = await verify_in_node(token, issuer, audience, headers=headers)
    in_python = await verify_in_python(token, issuer, audience, headers=headers)
    assert in_node.claims == in_python.claims
    return in_python


async def verify_in_python(
    token: str, issuer: str, audience: str, *, headers: Mapping[str, str] | None = None
) -> VerifiedToken:
    """Verify with joserfc; raises TokenRefusedError."""
    try:
        async with open_http(headers) as http:
            metadata = await _get_json(http, f"{issuer}/.well-known/openid-configuration")
            if metadata["issuer"] != issuer:
                raise TokenRefusedError(f"discovery names the issuer {metadata['issuer']}")
            keys = KeySet.import_key_set(await _get_json(http, metadata["jwks_uri"]))
        with warnings.catch_warnings():
            # joserfc warns about the name EdDSA (RFC 9864), which servers still use.
            warnings.simplefilter("ignore", SecurityWarning)
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        rules = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )
        rules.validate(decoded.claims)
    except (JoseError, ValueError, KeyError, httpx2.HTTPError) as error:
        raise TokenRefusedError(f"joserfc: {error!r}") from error
    return VerifiedToken(claims=decoded.claims, header=decoded.header)


async def verify_in_node(
    token: str, issuer: str, audience: str, *, headers: Mapping[str, str] | None = None
) -> VerifiedToken:
    """Verify with jose; raises TokenRefusedError."""
    request = {"token": token, "issuer": issuer, "audience": audience, "headers": dict(headers or {})}
    said = await run_script_in_thread("clients/resource_server.mjs", request)
    claims, header = said.get("claims"), said.get("header")
    if not isinstance(claims, dict) or not isinstance(header, dict):
        raise TokenRefusedError(f"jose: {said['error']}: {said['error_description']}")
    return VerifiedToken(claims=claims, header=header)


async def _get_json(http: httpx2.AsyncClient, url: str) -> Any:
    answer = await http.get(url)
    answer.raise_for_status()
    return answer.json()


def _read_part(token: str, position: int) -> dict[str, Any]:
    part = token.split(".")[position]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return members
