"""Each server and client alone, so that a failing test through the proxy is about the proxy."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.partners.clients import GrantRefusedError, get_token_with_authlib, get_token_with_openid_client
from tests.partners.login import refresh, sign_in
from tests.partners.loopback import ask, open_http
from tests.partners.mock_server import AUDIENCE
from tests.partners.oidc_provider import (
    EDDSA_RESOURCE,
    ENCRYPTED_RESOURCE,
    ES256_RESOURCE,
    NONCE_CLIENT,
    OPAQUE_RESOURCE,
    RS256_RESOURCE,
    run_oidc_provider,
)
from tests.partners.processes import reserve_port
from tests.partners.resource_server import TokenRefusedError, resource_server_verify, verify_in_node, verify_in_python

if TYPE_CHECKING:
    from tests.partners.django_provider import DjangoProvider
    from tests.partners.mock_server import MockServer
    from tests.partners.partner import ClientAuthMethod, Partner

METHODS: list[ClientAuthMethod] = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


async def ask_for_token(partner: Partner, url: str | None = None, **parameters: str) -> httpx2.Response:
    client = partner.client()
    form = {"grant_type": "client_credentials", "scope": "api:read"} | parameters
    async with open_http(partner.headers) as http:
        return await http.post(url or partner.token_url, data=form, auth=(client.client_id, client.client_secret))


async def get_keys(partner: Partner) -> httpx2.Response:
    async with open_http(partner.headers) as http:
        return await http.get(partner.url + partner.jwks_path)


def parse_part(token: str, position: int) -> dict[str, Any]:
    part = token.split(".")[position]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return members


@pytest.mark.parametrize("name", ["oidc_provider", "django_provider", "canaille", "mock_server"])
async def test_no_partner_answers_without_the_secret_header(name: str, request: pytest.FixtureRequest) -> None:
    partner: Partner = request.getfixturevalue(name)
    before = partner.counts()
    client = partner.client()
    async with open_http() as http:
        form = {"grant_type": "client_credentials"}
        answers = [
            await http.post(partner.token_url, data=form, auth=(client.client_id, client.client_secret)),
            await http.get(partner.url + partner.jwks_path, headers={partner.secret[0]: "wrong"}),
            await http.get(partner.url + "/.well-known/openid-configuration"),
        ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert partner.counts() == before | {"refused": before["refused"] + 3}


@pytest.mark.parametrize("name", ["oidc_provider", "django_provider", "canaille", "mock_server"])
async def test_partners_count_the_runs_of_their_token_handler(name: str, request: pytest.FixtureRequest) -> None:
    partner: Partner = request.getfixturevalue(name)
    before = partner.counts()["token"]
    assert (await ask_for_token(partner)).status_code == 200
    assert partner.counts()["token"] == before + 1


@pytest.mark.parametrize(
    ("resource", "algorithm"), [(RS256_RESOURCE, "RS256"), (ES256_RESOURCE, "ES256"), (EDDSA_RESOURCE, "EdDSA")]
)
async def test_oidc_provider_signs_by_resource(oidc_provider: Partner, resource: str, algorithm: str) -> None:
    answer = await ask_for_token(oidc_provider, resource=resource)
    token = answer.json()["access_token"]
    verified = await resource_server_verify(token, oidc_provider.issuer, resource, headers=oidc_provider.headers)
    assert (verified.header["alg"], verified.header["typ"]) == (algorithm, "at+jwt")
    assert (verified.claims["client_id"], verified.claims["scope"]) == ("m2m", "api:read")


async def test_oidc_provider_counts_its_token_handler_under_every_spelling(oidc_provider: Partner) -> None:
    before = oidc_provider.counts()["token"]
    for path in ("/OAUTH/Token", "/oauth/token/", "/oauth/token?x=1"):
        assert (await ask_for_token(oidc_provider, oidc_provider.url + path)).status_code == 200
    assert (await ask_for_token(oidc_provider, oidc_provider.url + "/oauth/tokens")).status_code == 404
    assert oidc_provider.counts()["token"] == before + 3


async def test_oidc_provider_encrypts_for_a_resource(oidc_provider: Partner) -> None:
    answer = await ask_for_token(oidc_provider, resource=ENCRYPTED_RESOURCE)
    token = answer.json()["access_token"]
    assert token.count(".") == 4
    assert parse_part(token, 0)["enc"] == "A128CBC-HS256"


async def test_oidc_provider_introspects_and_revokes_opaque_tokens(oidc_provider: Partner) -> None:
    token = (await ask_for_token(oidc_provider, resource=OPAQUE_RESOURCE)).json()["access_token"]
    assert "." not in token
    introspect, revoke = oidc_provider.url + "/oauth/introspect", oidc_provider.url + "/oauth/revoke"
    active = (await ask_for_token(oidc_provider, introspect, token=token)).json()
    assert (active["active"], active["scope"], active["aud"]) == (True, "api:read", OPAQUE_RESOURCE)
    assert (await ask_for_token(oidc_provider, revoke, token=token)).status_code == 200
    assert (await ask_for_token(oidc_provider, introspect, token=token)).json() == {"active": False}


async def test_oidc_provider_refuses_a_wrong_secret(oidc_provider: Partner) -> None:
    async with open_http(oidc_provider.headers) as http:
        answer = await http.post(
            oidc_provider.token_url, data={"grant_type": "client_credentials"}, auth=("m2m", "wrong")
        )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_oidc_provider_takes_the_issuer_of_a_proxy() -> None:
    secret = ("X-Only-Here", "another secret")
    with reserve_port() as reserved, run_oidc_provider(reserved.url, secret) as partner:
        assert partner.issuer == reserved.url != partner.url
        token = (await ask_for_token(partner, resource=RS256_RESOURCE)).json()["access_token"]
        async with open_http(partner.headers | {"host": f"127.0.0.1:{reserved.port}"}) as http:
            metadata = (await http.get(partner.url + "/.well-known/openid-configuration")).json()
    assert parse_part(token, 1)["iss"] == reserved.url
    assert metadata["token_endpoint"] == reserved.url + "/oauth/token"


async def test_oidc_provider_signs_a_user_in_and_refreshes(oidc_provider: Partner) -> None:
    signed_in = await sign_in(oidc_provider, oidc_provider.url, headers=oidc_provider.headers)
    claims = parse_part(signed_in["access_token"], 1)
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("alice", RS256_RESOURCE, "api:read")
    assert parse_part(signed_in["id_token"], 1)["sub"] == "alice"
    refreshed = await refresh(
        oidc_provider, oidc_provider.url, signed_in["refresh_token"], headers=oidc_provider.headers
    )
    assert parse_part(refreshed["access_token"], 1)["jti"] != claims["jti"]


async def test_django_toolkit_answers_with_an_opaque_token(django_provider: DjangoProvider) -> None:
    answer = (await ask_for_token(django_provider)).json()
    assert "." not in answer["access_token"]
    assert (answer["token_type"], answer["scope"]) == ("Bearer", "api:read")


async def test_django_allauth_answers_with_a_jwt(django_provider: DjangoProvider) -> None:
    before = django_provider.counts().get("jwt_token", 0)
    answer = await ask_for_token(django_provider, django_provider.jwt_token_url, resource=AUDIENCE)
    token = answer.json()["access_token"]
    verified = await resource_server_verify(token, django_provider.issuer, AUDIENCE, headers=django_provider.headers)
    assert (verified.header["alg"], verified.header["typ"]) == ("RS256", "JWT")
    assert "sub" not in verified.claims
    assert django_provider.counts()["jwt_token"] == before + 1


async def test_canaille_answers_with_an_opaque_token(canaille: Partner) -> None:
    answer = (await ask_for_token(canaille)).json()
    assert "." not in answer["access_token"]
    assert (answer["token_type"], answer["scope"]) == ("Bearer", "api:read")


@pytest.mark.parametrize("method", METHODS)
async def test_authlib_gets_a_token(oidc_provider: Partner, method: ClientAuthMethod) -> None:
    client = oidc_provider.client(method)
    grant = await get_token_with_authlib(
        oidc_provider.issuer, client, headers=oidc_provider.headers, scope="api:read", resource=RS256_RESOURCE
    )
    verified = await verify_in_python(
        grant.access_token, oidc_provider.issuer, RS256_RESOURCE, headers=oidc_provider.headers
    )
    assert verified.claims["client_id"] == client.client_id


@pytest.mark.parametrize("dpop", [False, True], ids=["bearer", "dpop"])
@pytest.mark.parametrize("method", METHODS)
async def test_openid_client_gets_a_token(oidc_provider: Partner, method: ClientAuthMethod, dpop: bool) -> None:
    client = oidc_provider.client(method)
    grant = await get_token_with_openid_client(
        oidc_provider.issuer,
        client,
        dpop=dpop,
        headers=oidc_provider.headers,
        scope="api:read",
        resource=RS256_RESOURCE,
    )
    claims = parse_part(grant.access_token, 1)
    assert claims["client_id"] == client.client_id
    assert claims.get("cnf") == ({"jkt": grant.jkt} if dpop else None)
    assert grant.answer["token_type"].lower() == ("dpop" if dpop else "bearer")


async def test_openid_client_repeats_with_the_dpop_nonce_it_is_given(oidc_provider: Partner) -> None:
    before = oidc_provider.counts()["token"]
    grant = await get_token_with_openid_client(
        oidc_provider.issuer,
        oidc_provider.clients[NONCE_CLIENT],
        dpop=True,
        headers=oidc_provider.headers,
        resource=RS256_RESOURCE,
    )
    assert parse_part(grant.access_token, 1)["cnf"] == {"jkt": grant.jkt}
    assert oidc_provider.counts()["token"] == before + 2


@pytest.mark.parametrize("name", ["django_provider", "canaille"])
async def test_both_clients_get_tokens_from_the_python_servers(name: str, request: pytest.FixtureRequest) -> None:
    partner: Partner = request.getfixturevalue(name)
    for get_token in (get_token_with_authlib, get_token_with_openid_client):
        grant = await get_token(partner.issuer, partner.client(), headers=partner.headers, scope="api:read")
        assert grant.answer["scope"] == "api:read"


@pytest.mark.parametrize("get_token", [get_token_with_authlib, get_token_with_openid_client])
async def test_clients_report_the_oauth_error(oidc_provider: Partner, get_token: Any) -> None:
    with pytest.raises(GrantRefusedError) as refused:
        await get_token(
            oidc_provider.issuer, oidc_provider.client(), headers=oidc_provider.headers, resource="not a resource"
        )
    assert refused.value.error == "invalid_target"


@pytest.mark.parametrize("verify", [verify_in_python, verify_in_node])
@pytest.mark.parametrize(("issuer", "audience"), [(None, "https://other.example.test"), ("http://127.0.0.1:1", None)])
async def test_resource_servers_refuse_other_audiences_and_issuers(
    mock_server: MockServer, verify: Any, issuer: str | None, audience: str | None
) -> None:
    token = (await ask_for_token(mock_server)).json()["access_token"]
    with pytest.raises(TokenRefusedError):
        await verify(token, issuer or mock_server.issuer, audience or AUDIENCE, headers=mock_server.headers)


async def test_mock_server_is_honest_until_told_otherwise(mock_server: MockServer) -> None:
    answer = await ask_for_token(mock_server)
    verified = await resource_server_verify(
        answer.json()["access_token"], mock_server.issuer, AUDIENCE, headers=mock_server.headers
    )
    assert (verified.claims["client_id"], verified.claims["scope"]) == ("m2m", "api:read")
    assert answer.headers["etag"].startswith("W/")


BAD_TOKENS = [
    "wrong-signature",
    "tampered",
    "unknown-kid",
    "alg-none",
    "alg-none-mixed-case",
    "hs256-pem",
    "hs256-der",
    "hs256-jwk",
    "es256-with-rsa-kid",
    "crit",
    "header-jwk",
    "header-jku",
    "header-x5c",
    "header-x5u",
    "expired",
    "not-yet-valid",
    "no-expiry",
    "text-expiry",
    "wrong-issuer",
    "issuer-with-slash",
    "no-issuer",
    "no-audience",
    "id-token",
    "logout-token",
    "opaque",
    "encrypted",
]
UNUSUAL_TOKENS = [
    "no-kid",
    "honest-jku",
    "float-times",
    "list-audience",
    "scope-list",
    "scp-list",
    "at-jwt",
    "number-claims",
    "duplicate-claims",
]


@pytest.mark.parametrize("mode", BAD_TOKENS)
async def test_a_resource_server_refuses_forged_tokens(mock_server: MockServer, mode: str) -> None:
    mock_server.behave(mode)
    token = (await ask_for_token(mock_server)).json()["access_token"]
    with pytest.raises(TokenRefusedError):
        await verify_in_python(token, mock_server.issuer, AUDIENCE, headers=mock_server.headers)
    assert "attacker-keys" not in mock_server.counts()


async def test_nan_in_claims_is_refused_where_json_is_taken_at_its_word(mock_server: MockServer) -> None:
    mock_server.behave("nan-claim")
    token = (await ask_for_token(mock_server)).json()["access_token"]
    with pytest.raises(TokenRefusedError):
        await verify_in_node(token, mock_server.issuer, AUDIENCE, headers=mock_server.headers)


@pytest.mark.parametrize("mode", UNUSUAL_TOKENS)
async def test_unusual_tokens_are_signed_by_the_server_itself(mock_server: MockServer, mode: str) -> None:
    mock_server.behave(mode)
    token = (await ask_for_token(mock_server)).json()["access_token"]
    await verify_in_node(token, mock_server.issuer, AUDIENCE, headers=mock_server.headers)


@pytest.mark.parametrize(
    ("mode", "header"),
    [
        ("alg-none", {"alg": "none"}),
        ("alg-none-mixed-case", {"alg": "nOnE"}),
        ("hs256-pem", {"alg": "HS256", "kid": "mock-1"}),
        ("es256-with-rsa-kid", {"alg": "ES256", "kid": "mock-1"}),
        ("crit", {"crit": ["urn:example:unknown"]}),
        ("wrong-signature", {"alg": "RS256", "kid": "mock-1"}),
        ("logout-token", {"typ": "logout+jwt"}),
        ("at-jwt", {"typ": "at+jwt"}),
    ],
)
async def test_forged_headers_say_what_they_should(mock_server: MockServer, mode: str, header: dict[str, Any]) -> None:
    honest = parse_part((await ask_for_token(mock_server)).json()["access_token"], 0)
    mock_server.behave(mode)
    forged = parse_part((await ask_for_token(mock_server)).json()["access_token"], 0)
    assert honest["kid"].startswith("mock-")
    expected = header | ({"kid": honest["kid"]} if "kid" in header else {})
    assert forged.items() >= {name: value for name, value in expected.items() if name != "crit"}.items()
    assert forged.get("crit") == header.get("crit")


async def test_numbers_beyond_doubles_stand_in_claims_and_answer(mock_server: MockServer) -> None:
    mock_server.behave("number-claims")
    token = (await ask_for_token(mock_server)).json()["access_token"]
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    mock_server.behave("numbers")
    answer = (await ask_for_token(mock_server)).content
    for text in (payload, answer):
        assert b"9223372036854775807" in text
        assert b"9007199254740993" in text
        assert b'"price":1.10' in text


BAD_JSON = ["bad-json", "truncated-json", "empty", "utf-16", "utf-8-bom", "invalid-utf-8", "html-page"]


@pytest.mark.parametrize("mode", BAD_JSON)
async def test_token_answers_that_are_not_json(mock_server: MockServer, mode: str) -> None:
    mock_server.behave(mode)
    answer = await ask_for_token(mock_server)
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        json.loads(answer.content.decode("utf-8"))


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        ("missing-access-token", "access_token", None),
        ("null-access-token", "access_token", None),
        ("number-access-token", "access_token", 42),
        ("missing-token-type", "token_type", None),
        ("missing-expires-in", "expires_in", None),
        ("missing-scope", "scope", None),
        ("text-expires-in", "expires_in", "3600"),
        ("wrong-expires-in", "expires_in", 86400),
        ("lower-case-type", "token_type", "bearer"),
        ("error-with-200", "error", "invalid_scope"),
    ],
)
async def test_token_answers_with_wrong_members(mock_server: MockServer, mode: str, name: str, value: object) -> None:
    mock_server.behave(mode)
    answer = await ask_for_token(mock_server)
    assert answer.status_code == 200
    assert answer.json().get(name) == value


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("duplicate-names", b'{"access_token":"first","access_token":"ey'),
        ("nan", b'"weight":NaN'),
        ("infinity", b'"weight":-Infinity'),
        ("lone-surrogate", b'"note":"\\ud800"'),
        ("json-list", b'[{"access_token"'),
        ("extra-members", b'{\n  "created_at": 1700000000,\n  "refresh_token": "r-1"'),
    ],
)
async def test_token_answers_with_unusual_json(mock_server: MockServer, mode: str, text: bytes) -> None:
    mock_server.behave(mode)
    assert (await ask_for_token(mock_server)).content.count(text) == 1


@pytest.mark.parametrize(
    ("mode", "status", "header", "value"),
    [
        ("server-error", 500, "content-type", "text/html"),
        ("json-server-error", 500, "content-type", "application/json; charset=utf-8"),
        ("unavailable", 503, "retry-after", "7"),
        ("invalid-client", 401, "www-authenticate", 'Basic realm="mock", error="invalid_client"'),
        ("redirect", 307, "location", "/elsewhere"),
        ("html-type", 200, "content-type", "text/html; charset=utf-8"),
        ("etag", 200, "etag", '"strong-1"'),
        ("gzip", 200, "content-encoding", "gzip"),
    ],
)
async def test_token_answers_with_other_status_or_headers(
    mock_server: MockServer, mode: str, status: int, header: str, value: str
) -> None:
    mock_server.behave(mode)
    answer = await ask_for_token(mock_server)
    assert (answer.status_code, answer.headers[header]) == (status, value)


async def test_gzip_comes_even_to_clients_that_refuse_it(mock_server: MockServer) -> None:
    mock_server.behave("gzip")
    client = mock_server.client()
    headers = mock_server.headers | {"accept-encoding": "identity"}
    async with (
        open_http(headers, auth=(client.client_id, client.client_secret)) as http,
        http.stream("POST", mock_server.token_url, data={"grant_type": "client_credentials"}) as answer,
    ):
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert "access_token" in json.loads(gzip.decompress(raw))


async def test_huge_and_cut_token_answers(mock_server: MockServer) -> None:
    mock_server.behave("huge")
    assert len((await ask_for_token(mock_server)).content) > 10 * 1024 * 1024
    mock_server.behave("cut")
    with pytest.raises(httpx2.RemoteProtocolError):
        await ask_for_token(mock_server)


@pytest.mark.parametrize("what", ["token", "jwks"])
async def test_slow_answers_take_the_time_that_was_asked_for(mock_server: MockServer, what: str) -> None:
    if what == "token":
        mock_server.behave("slow", seconds=0.3)
    else:
        mock_server.behave(jwks="slow", seconds=0.3)
    answer = await (ask_for_token(mock_server) if what == "token" else get_keys(mock_server))
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.3


@pytest.mark.parametrize(
    ("mode", "status"), [("server-error", 500), ("redirect", 302), ("bad-json", 200), ("html-page", 200)]
)
async def test_key_sets_that_cannot_be_read(mock_server: MockServer, mode: str, status: int) -> None:
    mock_server.behave(jwks=mode)
    answer = await get_keys(mock_server)
    assert answer.status_code == status
    with pytest.raises(ValueError):
        answer.json()


async def test_key_sets_with_wrong_keys(mock_server: MockServer) -> None:
    def fetch(mode: str) -> list[dict[str, Any]]:
        mock_server.behave(jwks=mode)
        found = ask("GET", mock_server.url + mock_server.jwks_path, headers=mock_server.headers)
        keys: list[dict[str, Any]] = found["keys"]
        return keys

    honest = fetch("honest")
    kids = [key["kid"] for key in honest]
    assert all(not key.keys() & {"d", "p", "q", "k"} for key in honest)
    assert fetch("empty") == []
    assert len(fetch("stale")) == len(honest) - 1
    assert any("d" in key for key in fetch("private-members"))
    assert fetch("oct-key")[0]["kty"] == "oct"
    assert {key["use"] for key in fetch("encryption-use")} == {"enc"}
    assert all("kid" not in key for key in fetch("no-kids"))
    assert len(fetch("many-keys")) == len(honest) + 500
    assert fetch("unknown-types")[0]["kty"] == "LATTICE"
    first, second = fetch("duplicate-kid")[:2]
    assert first["kid"] == second["kid"]
    assert first["n"] != second["n"]
    assert len(json.dumps(fetch("huge"))) > 10 * 1024 * 1024
    assert [key["kid"] for key in fetch("honest")] == kids


async def test_a_key_set_can_misbehave_for_a_while(mock_server: MockServer) -> None:
    mock_server.behave(jwks="server-error", fetches=2)
    assert [(await get_keys(mock_server)).status_code for _ in range(3)] == [500, 500, 200]
    assert mock_server.counts()["jwks"] == 3


async def test_rotation_signs_with_a_new_published_key(mock_server: MockServer) -> None:
    old = [parse_part((await ask_for_token(mock_server)).json()["access_token"], 0)["kid"] for _ in range(2)]
    new = mock_server.rotate()
    now = [parse_part((await ask_for_token(mock_server)).json()["access_token"], 0)["kid"] for _ in range(3)]
    assert old == [old[0]] * 2
    assert now == [new] * 3
    assert {old[0], new} <= {key["kid"] for key in (await get_keys(mock_server)).json()["keys"]}


def test_every_misbehaviour_is_tested_here(mock_server: MockServer) -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    modes = mock_server.modes()
    assert [mode for mode in modes["token"] + modes["jwks"] if f'"{mode}"' not in source] == []


def test_unknown_misbehaviour_is_refused(mock_server: MockServer) -> None:
    with pytest.raises(httpx2.HTTPStatusError):
        mock_server.behave("no such mode")
