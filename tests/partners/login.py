"""Sign in at oidc-provider through its development pages, without a browser: code with PKCE, then refresh."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import httpx2

from tests.partners.loopback import open_http
from tests.partners.oidc_provider import LOGIN_CLIENT, REDIRECT_URI, RS256_RESOURCE
from tests.partners.proof_key import new_proof_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.partners.partner import Partner

MAX_STEPS = 12
FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


async def sign_in(
    provider: Partner,
    base_url: str,
    *,
    login: str = "alice",
    scope: str = "openid offline_access api:read",
    resource: str = RS256_RESOURCE,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Sign `login` in at `base_url` (the provider, or a proxy in front of it) and return the token answer."""
    client, key = provider.clients[LOGIN_CLIENT], new_proof_key()
    query = {
        "client_id": client.client_id,
        "response_type": "code",
        "redirect_uri": REDIRECT_URI,
        "scope": scope,
        "resource": resource,
        "prompt": "consent",
        **key.challenge,
    }
    callback = await authorize(httpx2.URL(f"{base_url}/auth", params=query), login=login, headers=headers)
    code = httpx2.URL(callback).params["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    form |= {"code_verifier": key.verifier, "resource": resource}
    async with open_http(headers, base_url=base_url) as http:
        return await _token(http, provider, form)


async def authorize(url: httpx2.URL | str, *, login: str = "alice", headers: Mapping[str, str] | None = None) -> str:
    """Open an authorization request as the browser of `login` does and return the URL that it ends at, of the application.

    The sign-in and consent forms are submitted as they come.
    """
    async with open_http(headers) as http:
        answer = await http.get(url)
        for _ in range(MAX_STEPS):
            location = answer.headers.get("location")
            if location is None:
                form = FORM.search(answer.text)
                assert form is not None, answer.text
                fields = dict(HIDDEN.findall(form[2])) | {"login": login, "password": "any will do"}
                answer = await http.post(urljoin(str(answer.url), form[1]), data=fields)
            elif location.startswith(REDIRECT_URI):
                return str(location)
            else:
                answer = await http.get(urljoin(str(answer.url), location))
    raise AssertionError(f"no end after {MAX_STEPS} steps")


async def refresh(
    provider: Partner, base_url: str, refresh_token: str, *, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Use a refresh token that `sign_in` got and return the token answer."""
    async with open_http(headers, base_url=base_url) as http:
        return await _token(http, provider, {"grant_type": "refresh_token", "refresh_token": refresh_token})


async def _token(http: httpx2.AsyncClient, provider: Partner, form: dict[str, str]) -> dict[str, Any]:
    client = provider.clients[LOGIN_CLIENT]
    answer = await http.post(provider.token_path, data=form, auth=(client.client_id, client.client_secret))
    answer.raise_for_status()
    members: dict[str, Any] = answer.json()
    return members
