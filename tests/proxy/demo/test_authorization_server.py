from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from tests.proxy.demo.conftest import API, OTHER_API, Clock, authorization_server

REPORTING = ("reporting", "reporting-secret")
GRANT = {"grant_type": "client_credentials"}
# One server for all tests of this module, and so one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def server_clock() -> Clock:
    return Clock(1_800_000_000.25)


@pytest.fixture
def clock(server_clock: Clock) -> Iterator[Clock]:
    before = server_clock.now
    yield server_clock
    server_clock.now = before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def issuer(signing_key: RSAKey, client_key: ECKey, server_clock: Clock) -> AsyncIterator[str]:
    async with authorization_server(signing_key, client_key, server_clock) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield client


def basic(credentials: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credentials).decode()}


def assertion(key: ECKey, issuer: str, **changes: Any) -> str:
    """A client assertion that is good but for the changes; a change to None leaves the claim out."""
    now = int(time.time())
    claims = {
        "iss": "by key",
        "sub": "by key",
        "aud": issuer,
        "iat": now,
        "exp": now + 60,
        "jti": uuid4().hex,
        **changes,
    }
    return jwt.encode({"alg": "ES256"}, {name: value for name, value in claims.items() if value is not None}, key)


async def fetch_token(http: httpx2.AsyncClient, issuer: str, **form: Any) -> dict[str, Any]:
    response = await http.post(f"{issuer}/oauth/token", auth=REPORTING, data={**GRANT, **form})
    assert response.status_code == 200, response.text
    token: dict[str, Any] = response.json()
    return token


async def public_claims(http: httpx2.AsyncClient, issuer: str, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, verified by the published keys."""
    keys = KeySet.import_key_set((await http.get(f"{issuer}/.well-known/jwks.json")).json())
    decoded = jwt.decode(token, keys, algorithms=["RS256"])
    return decoded.header, decoded.claims


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_client_gets_a_token_by_its_secret(
    issuer: str, http: httpx2.AsyncClient, method: str, clock: Clock
) -> None:
    async with AsyncOAuth2Client(*REPORTING, token_endpoint_auth_method=method, trust_env=False) as client:
        token = await client.fetch_token(f"{issuer}/oauth/token", **GRANT, audience=API, scope="debug reports:read")
    header, claims = await public_claims(http, issuer, token["access_token"])
    assert header["typ"] == "at+jwt"
    assert header["kid"]
    assert claims.pop("jti")
    assert claims == {
        "iss": issuer,
        "sub": "reporting",
        "client_id": "reporting",
        "aud": API,
        "scope": "debug reports:read",
        "iat": int(clock()),
        "exp": int(clock()) + 3600,
    }
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 3600, "debug reports:read")
    assert "refresh_token" not in token


@pytest.mark.parametrize("audience_path", ["", "/oauth/token"])
async def test_a_client_gets_a_token_by_its_key(issuer: str, client_key: ECKey, audience_path: str) -> None:
    async with AsyncOAuth2Client(
        "by key", client_key, token_endpoint_auth_method="private_key_jwt", trust_env=False
    ) as client:
        client.register_client_auth_method(PrivateKeyJWT(issuer + audience_path, alg="ES256"))
        token = await client.fetch_token(f"{issuer}/oauth/token", **GRANT)
    assert token["scope"] == "bills"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example.com"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iss": "reporting"},
        {"sub": "reporting"},
        {"sub": None},
        {"sub": ["by key"]},
        {"jti": None},
        {"jti": ["one"]},
        {"nbf": 4_000_000_000},
    ],
)
async def test_a_wrong_assertion_is_refused(
    issuer: str, http: httpx2.AsyncClient, client_key: ECKey, changes: dict[str, Any]
) -> None:
    wrong = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(client_key, issuer, **changes)}
    response = await http.post(f"{issuer}/oauth/token", data={**GRANT, **wrong})
    assert response.status_code in {400, 401}
    assert response.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"alg": "ES256"}, ECKey.generate_key("P-256")),
        ({"alg": "HS256"}, OctKey.generate_key(256)),
        ({"alg": "RS256"}, RSAKey.generate_key(2048)),
    ],
)
async def test_an_assertion_signed_by_another_key_is_refused(
    issuer: str, http: httpx2.AsyncClient, header: dict[str, str], key: ECKey | OctKey | RSAKey
) -> None:
    claims = {"iss": "by key", "sub": "by key", "aud": issuer, "exp": int(time.time()) + 60, "jti": "one"}
    forged = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": jwt.encode(header, claims, key)}
    response = await http.post(f"{issuer}/oauth/token", data={**GRANT, **forged})
    assert response.status_code in {400, 401}
    assert response.json()["error"] == "invalid_client"


@pytest.mark.parametrize("algorithm", ["none", 'quote" and \\', "é", 7])
async def test_an_assertion_with_an_odd_algorithm_is_refused(
    issuer: str, http: httpx2.AsyncClient, client_key: ECKey, algorithm: object
) -> None:
    signed = assertion(client_key, issuer)
    header = base64.urlsafe_b64encode(httpx2.Response(200, json={"alg": algorithm}).content).decode().rstrip("=")
    odd = ".".join([header, *signed.split(".")[1:]])
    response = await http.post(
        f"{issuer}/oauth/token", data={**GRANT, "client_assertion_type": ASSERTION_TYPE, "client_assertion": odd}
    )
    assert response.status_code in {400, 401}
    assert response.json()["error"] == "invalid_client"


async def test_an_assertion_counts_once(issuer: str, http: httpx2.AsyncClient, client_key: ECKey) -> None:
    form = {**GRANT, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(client_key, issuer)}
    first = await http.post(f"{issuer}/oauth/token", data=form)
    second = await http.post(f"{issuer}/oauth/token", data=form)
    assert first.status_code == 200
    assert (second.status_code, second.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(b"reporting:wrong"),
        basic("reporting:wröng".encode()),
        basic(b"reporting:\xff"),
        basic(b"nobody:secret"),
        basic(b"by key:"),
        {"Authorization": "Basic !"},
        {"Authorization": "Bearer reporting-secret"},
    ],
)
async def test_without_good_credentials_there_is_no_token(
    issuer: str, http: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    response = await http.post(f"{issuer}/oauth/token", data=GRANT, headers=headers)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "ann", "password": "secret"}, 403, "unauthorized_client"),
        ({**GRANT, "scope": "debug bills"}, 400, "invalid_scope"),
        ({**GRANT, "audience": "https://elsewhere.example.com"}, 400, "invalid_target"),
        ({**GRANT, "audience": API, "resource": "https://elsewhere.example.com"}, 400, "invalid_target"),
        ({**GRANT, "client_secret": "reporting-secret"}, 400, "invalid_request"),
        ({**GRANT, "client_assertion": "a.b.c"}, 400, "invalid_request"),
        ({**GRANT, "client_id": "billing"}, 400, "invalid_request"),
        ({"grant_type": ["client_credentials", "password"]}, 400, "invalid_request"),
        ({**GRANT, "scope": ["debug", "debug"]}, 400, "invalid_request"),
        ({**GRANT, "padding": "a" * 70_000}, 413, "invalid_request"),
    ],
)
async def test_what_the_token_endpoint_refuses(
    issuer: str, http: httpx2.AsyncClient, form: dict[str, Any], status: int, error: str
) -> None:
    response = await http.post(
        f"{issuer}/oauth/token",
        auth=REPORTING,
        data=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"grant_type": ["client_credentials"]}'),
        ("application/json", b'{"grant_type": "client_credentials", "grant_type": "password"}'),
        ("application/json", b'["client_credentials"]'),
        ("text/plain", b"grant_type=client_credentials"),
        ("application/x-www-form-urlencoded", b"grant_type=client_credentials&scope"),
        ("application/x-www-form-urlencoded", b"grant_type=client_credentials&scope=%ff"),
        ("application/x-www-form-urlencoded", b"grant_type=client_credentials&scope=\xc3\xa9"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    issuer: str, http: httpx2.AsyncClient, content_type: str, body: bytes
) -> None:
    response = await http.post(
        f"{issuer}/oauth/token", auth=REPORTING, content=body, headers={"Content-Type": content_type}
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_parameters_may_come_as_json(issuer: str, http: httpx2.AsyncClient) -> None:
    members = {**GRANT, "client_id": REPORTING[0], "client_secret": REPORTING[1], "scope": None, "audience": [API]}
    response = await http.post(f"{issuer}/oauth/token", json=members)
    assert (response.status_code, response.json()["scope"]) == (200, "debug reports:read reports:write")


async def test_a_client_that_may_not_use_the_grant_is_refused(issuer: str, http: httpx2.AsyncClient) -> None:
    response = await http.post(f"{issuer}/oauth/token", auth=("idle", "idle-secret"), data=GRANT)
    assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")


async def test_a_client_without_audiences_has_to_name_none(issuer: str, http: httpx2.AsyncClient) -> None:
    response = await http.post(f"{issuer}/oauth/token", auth=("api", "api-secret"), data=GRANT)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_target")


@pytest.mark.parametrize(
    ("form", "audience"),
    [
        ({}, API),
        ({"audience": OTHER_API}, OTHER_API),
        ({"resource": OTHER_API}, OTHER_API),
        ({"resource": [OTHER_API, API]}, [OTHER_API, API]),
        ({"resource": API, "audience": OTHER_API}, [API, OTHER_API]),
        ({"resource": API, "audience": API}, API),
    ],
)
async def test_a_token_is_for_the_audience_that_was_asked_for(
    issuer: str, http: httpx2.AsyncClient, form: dict[str, Any], audience: object
) -> None:
    token = await fetch_token(http, issuer, **form)
    assert (await public_claims(http, issuer, token["access_token"]))[1]["aud"] == audience


async def test_without_a_scope_a_client_gets_all_of_its_own(issuer: str, http: httpx2.AsyncClient) -> None:
    assert (await fetch_token(http, issuer))["scope"] == "debug reports:read reports:write"


async def introspect(http: httpx2.AsyncClient, issuer: str, token: str, client_id: str = "api") -> dict[str, Any]:
    response = await http.post(
        f"{issuer}/oauth/introspect", auth=(client_id, f"{client_id}-secret"), data={"token": token}
    )
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize(("client_id", "told"), [("api", True), ("reporting", True), ("billing", False)])
async def test_introspection_tells_owner_and_resource_server_only(
    issuer: str, http: httpx2.AsyncClient, client_id: str, told: bool
) -> None:
    token = (await fetch_token(http, issuer, scope="debug"))["access_token"]
    claims = (await public_claims(http, issuer, token))[1]
    expected = {"active": True, "token_type": "Bearer", **claims} if told else {"active": False}
    assert await introspect(http, issuer, token, client_id) == expected


async def test_an_expired_token_is_inactive(issuer: str, http: httpx2.AsyncClient, clock: Clock) -> None:
    token = (await fetch_token(http, issuer))["access_token"]
    clock.now += 3600
    assert await introspect(http, issuer, token) == {"active": False}


async def test_a_token_of_another_signer_or_kind_is_inactive(
    issuer: str, http: httpx2.AsyncClient, signing_key: RSAKey
) -> None:
    token = (await fetch_token(http, issuer))["access_token"]
    header, claims = await public_claims(http, issuer, token)
    forged = jwt.encode(header, claims, RSAKey.generate_key(2048))
    other_kind = jwt.encode({**header, "typ": "JWT"}, claims, signing_key)
    for inactive in (forged, other_kind, "opaque", "é", ""):
        response = await http.post(
            f"{issuer}/oauth/introspect",
            auth=("api", "api-secret"),
            data={"token": inactive, "token_type_hint": "access_token"},
        )
        assert response.json() == ({"active": False} if inactive else {"error": "invalid_request"})


async def test_a_revoked_token_is_inactive_and_others_stay(issuer: str, http: httpx2.AsyncClient) -> None:
    token, other = [(await fetch_token(http, issuer))["access_token"] for _ in range(2)]
    for _ in range(2):
        response = await http.post(f"{issuer}/oauth/revoke", auth=REPORTING, data={"token": token})
        assert response.status_code == 200
    assert await introspect(http, issuer, token) == {"active": False}
    assert (await introspect(http, issuer, other))["active"] is True


async def test_a_client_cannot_revoke_the_token_of_another(issuer: str, http: httpx2.AsyncClient) -> None:
    token = (await fetch_token(http, issuer))["access_token"]
    response = await http.post(f"{issuer}/oauth/revoke", auth=("billing", "billing-secret"), data={"token": token})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert (await introspect(http, issuer, token))["active"] is True


async def test_revoking_an_unknown_token_succeeds(issuer: str, http: httpx2.AsyncClient) -> None:
    response = await http.post(f"{issuer}/oauth/revoke", auth=REPORTING, data={"token": "unknown"})
    assert response.status_code == 200


@pytest.mark.parametrize("name", ["openid-configuration", "oauth-authorization-server"])
async def test_discovery_describes_the_server(issuer: str, http: httpx2.AsyncClient, name: str) -> None:
    response = await http.get(f"{issuer}/.well-known/{name}")
    metadata = AuthorizationServerMetadata(response.json())
    metadata.validate()
    assert metadata["issuer"] == issuer
    assert "max-age" in response.headers["cache-control"]
    for member in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        assert (await http.post(metadata[member])).json()["error"] == "invalid_request"


async def test_the_published_keys_are_public(issuer: str, http: httpx2.AsyncClient) -> None:
    (key,) = (await http.get(f"{issuer}/.well-known/jwks.json")).json()["keys"]
    assert key.keys() == {"kty", "kid", "use", "alg", "n", "e"}
