from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.loopback import serve
from hookpoint.proxy.demo.resource_server import KEYS_COOLDOWN, KEYS_LIFETIME, create_resource_server
from tests.proxy.demo.conftest import API, Clock


class Issuer:
    """Publishes keys and counts how often they are asked for; `discovery` and `status` can be made wrong."""

    def __init__(self, *keys: Key) -> None:
        self.keys = list(keys)
        self.discovery: Callable[[str], object] = lambda url: {"issuer": url, "jwks_uri": f"{url}/keys"}
        self.status = 200
        self.requests = 0
        self.url = "https://login.example.com"
        self.app = Starlette(
            routes=[Route("/.well-known/openid-configuration", self._metadata), Route("/keys", self._keys)]
        )

    async def _metadata(self, request: Request) -> Response:
        return JSONResponse(self.discovery(self.url), self.status)

    async def _keys(self, request: Request) -> Response:
        self.requests += 1
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})

    def token(self, key: Key, clock: Clock, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A good token but for the changes; a change to None leaves the claim out."""
        now = int(clock())
        claims = {
            "iss": self.url,
            "sub": "a",
            "client_id": "a",
            "aud": API,
            "iat": now,
            "exp": now + 60,
            "scope": "debug",
        }
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid, **(header or {})}, claims, key)


@pytest.fixture(scope="session")
def key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


@pytest.fixture
def issuer(key: ECKey) -> Issuer:
    return Issuer(key)


@pytest.fixture
async def api(issuer: Issuer, clock: Clock) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(issuer.app)) as http:
        app = create_resource_server(issuer.url, audience=API, http=http, clock=clock)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=API) as client:
            yield client


async def call(api: httpx2.AsyncClient, path: str, token: str) -> httpx2.Response:
    return await api.get(path, headers={"Authorization": f"Bearer {token}"})


async def test_issuer_and_api_are_reached_over_the_network(issuer: Issuer, key: ECKey, clock: Clock) -> None:
    async with (
        serve(issuer.app) as issuer.url,
        serve(create_resource_server(issuer.url, audience=API, clock=clock)) as url,
        httpx2.AsyncClient(base_url=url, trust_env=False) as api,
    ):
        assert (await call(api, "/whoami", issuer.token(key, clock))).status_code == 200


async def test_a_good_token_is_answered_with_what_it_says(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock
) -> None:
    response = await call(api, "/debug", issuer.token(key, clock, plan="gold", scope="debug reports:read"))
    assert response.status_code == 200
    assert response.json()["scope"] == ["debug", "reports:read"]
    assert response.json()["claims"]["plan"] == "gold"


@pytest.mark.parametrize("audience", [API, [API, "https://other.example.com"]])
async def test_the_audience_may_be_one_of_several(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock, audience: object
) -> None:
    assert (await call(api, "/whoami", issuer.token(key, clock, aud=audience))).status_code == 200


async def test_a_token_without_the_scope_is_forbidden(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock
) -> None:
    response = await call(api, "/reports", issuer.token(key, clock))
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    assert 'scope="reports:read"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic YTpi"}])
async def test_without_a_token_there_is_only_a_challenge(api: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    response = await api.get("/whoami", headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example.com"},
        {"iss": None},
        {"aud": "https://other.example.com"},
        {"aud": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"nbf": 1_900_000_000},
        {"iat": None},
        {"sub": None},
        {"client_id": None},
        {"header": {"typ": "JWT"}},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": ""}},
    ],
)
async def test_a_token_that_is_wrong_is_refused(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock, changes: dict[str, Any]
) -> None:
    response = await call(api, "/whoami", issuer.token(key, clock, **changes))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "é.é.é", "..", "a.b.c.d.e"])
async def test_what_is_no_token_is_refused(api: httpx2.AsyncClient, token: str) -> None:
    response = await api.get("/whoami", headers=[(b"authorization", f"Bearer {token}".encode())])
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    ("forger", "algorithm"),
    [(ECKey.generate_key("P-256"), "ES256"), (RSAKey.generate_key(2048), "RS256"), (OctKey.generate_key(256), "HS256")],
)
async def test_a_token_by_another_key_is_refused(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock, forger: Key, algorithm: str
) -> None:
    response = await call(api, "/whoami", issuer.token(forger, clock, {"alg": algorithm, "kid": key.kid}))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


async def test_an_unsigned_token_is_refused(issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock) -> None:
    good = issuer.token(key, clock)
    header = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"  # {"alg":"none","typ":"at+jwt"}
    response = await call(api, "/whoami", ".".join([header, good.split(".")[1], ""]))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


async def test_keys_are_read_once_until_they_are_old(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock
) -> None:
    for _ in range(3):
        await call(api, "/whoami", issuer.token(key, clock))
    assert issuer.requests == 1
    clock.now += KEYS_LIFETIME + 1
    await call(api, "/whoami", issuer.token(key, clock))
    assert issuer.requests == 2


async def test_a_new_key_is_found_after_the_cooldown(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock
) -> None:
    await call(api, "/whoami", issuer.token(key, clock))
    new = ECKey.generate_key("P-256", auto_kid=True)
    issuer.keys.append(new)
    assert (await call(api, "/whoami", issuer.token(new, clock))).status_code == 401
    clock.now += KEYS_COOLDOWN + 1
    assert (await call(api, "/whoami", issuer.token(new, clock))).status_code == 200
    assert issuer.requests == 2


@pytest.mark.parametrize(
    "discovery",
    [
        lambda url: {"issuer": "https://elsewhere.example.com", "jwks_uri": f"{url}/keys"},
        lambda url: {"issuer": url},
        lambda url: {"issuer": url, "jwks_uri": f"{url}/missing"},
        lambda url: {"issuer": url, "jwks_uri": 7},
        lambda url: ["issuer", url],
    ],
)
async def test_a_wrong_discovery_document_is_not_believed(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock, discovery: Callable[[str], object]
) -> None:
    issuer.discovery = discovery
    assert (await call(api, "/whoami", issuer.token(key, clock))).status_code == 503


async def test_an_issuer_that_is_back_is_asked_again(
    issuer: Issuer, api: httpx2.AsyncClient, key: ECKey, clock: Clock
) -> None:
    issuer.status = 500
    assert (await call(api, "/whoami", issuer.token(key, clock))).status_code == 503
    issuer.status = 200
    assert (await call(api, "/whoami", issuer.token(key, clock))).status_code == 200
