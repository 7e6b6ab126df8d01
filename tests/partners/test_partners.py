"""Each server and client alone, so that a failing test through the proxy is about the proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.partners.clients import GrantRefusedError, get_token_with_authlib, get_token_with_openid_client
from tests.partners.login import refresh, sign_in
from tests.partners.loopback import open_http
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
from tests.partners.resource_server import read_claims, read_header, resource_server_verify, verify_in_python

if TYPE_CHECKING:
    from tests.partners.django_provider import DjangoProvider
    from tests.partners.partner import ClientAuthMethod, Partner

METHODS: list[ClientAuthMethod] = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


@pytest.mark.parametrize("name", ["oidc_provider", "better_auth", "django_provider", "canaille", "mock_server"])
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


@pytest.mark.parametrize("name", ["oidc_provider", "better_auth", "django_provider", "canaille", "mock_server"])
async def test_partners_count_the_runs_of_their_token_handler(name: str, request: pytest.FixtureRequest) -> None:
    partner: Partner = request.getfixturevalue(name)
    before = partner.counts()["token"]
    assert (await partner.ask_for_token()).status_code == 200
    assert partner.counts()["token"] == before + 1


@pytest.mark.parametrize(
    ("resource", "algorithm"), [(RS256_RESOURCE, "RS256"), (ES256_RESOURCE, "ES256"), (EDDSA_RESOURCE, "EdDSA")]
)
async def test_oidc_provider_signs_by_resource(oidc_provider: Partner, resource: str, algorithm: str) -> None:
    answer = await oidc_provider.ask_for_token(resource=resource)
    token = answer.json()["access_token"]
    verified = await resource_server_verify(token, oidc_provider.issuer, resource, headers=oidc_provider.headers)
    assert (verified.header["alg"], verified.header["typ"]) == (algorithm, "at+jwt")
    assert (verified.claims["client_id"], verified.claims["scope"]) == ("m2m", "api:read")


async def test_oidc_provider_counts_its_token_handler_under_every_spelling(oidc_provider: Partner) -> None:
    before = oidc_provider.counts()["token"]
    for path in ("/OAUTH/Token", "/oauth/token/", "/oauth/token?x=1"):
        assert (await oidc_provider.ask_for_token(oidc_provider.url + path)).status_code == 200
    assert (await oidc_provider.ask_for_token(oidc_provider.url + "/oauth/tokens")).status_code == 404
    assert oidc_provider.counts()["token"] == before + 3


async def test_oidc_provider_encrypts_for_a_resource(oidc_provider: Partner) -> None:
    answer = await oidc_provider.ask_for_token(resource=ENCRYPTED_RESOURCE)
    token = answer.json()["access_token"]
    assert token.count(".") == 4
    assert read_header(token)["enc"] == "A128CBC-HS256"


async def test_oidc_provider_introspects_and_revokes_opaque_tokens(oidc_provider: Partner) -> None:
    token = (await oidc_provider.ask_for_token(resource=OPAQUE_RESOURCE)).json()["access_token"]
    assert "." not in token
    introspect, revoke = oidc_provider.url + "/oauth/introspect", oidc_provider.url + "/oauth/revoke"
    active = (await oidc_provider.ask_for_token(introspect, token=token)).json()
    assert (active["active"], active["scope"], active["aud"]) == (True, "api:read", OPAQUE_RESOURCE)
    assert (await oidc_provider.ask_for_token(revoke, token=token)).status_code == 200
    assert (await oidc_provider.ask_for_token(introspect, token=token)).json() == {"active": False}


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
        token = (await partner.ask_for_token(resource=RS256_RESOURCE)).json()["access_token"]
        async with open_http(partner.headers | {"host": f"127.0.0.1:{reserved.port}"}) as http:
            metadata = (await http.get(partner.url + "/.well-known/openid-configuration")).json()
    assert read_claims(token)["iss"] == reserved.url
    assert metadata["token_endpoint"] == reserved.url + "/oauth/token"


async def test_oidc_provider_signs_a_user_in_and_refreshes(oidc_provider: Partner) -> None:
    signed_in = await sign_in(oidc_provider, oidc_provider.url, headers=oidc_provider.headers)
    claims = read_claims(signed_in["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("alice", RS256_RESOURCE, "api:read")
    assert read_claims(signed_in["id_token"])["sub"] == "alice"
    refreshed = await refresh(
        oidc_provider, oidc_provider.url, signed_in["refresh_token"], headers=oidc_provider.headers
    )
    assert read_claims(refreshed["access_token"])["jti"] != claims["jti"]


async def test_django_toolkit_answers_with_an_opaque_token(django_provider: DjangoProvider) -> None:
    answer = (await django_provider.ask_for_token()).json()
    assert "." not in answer["access_token"]
    assert (answer["token_type"], answer["scope"]) == ("Bearer", "api:read")


async def test_django_allauth_answers_with_a_jwt(django_provider: DjangoProvider) -> None:
    before = django_provider.counts().get("jwt_token", 0)
    answer = await django_provider.ask_for_token(django_provider.jwt_token_url, resource=AUDIENCE)
    token = answer.json()["access_token"]
    verified = await resource_server_verify(token, django_provider.issuer, AUDIENCE, headers=django_provider.headers)
    assert (verified.header["alg"], verified.header["typ"]) == ("RS256", "JWT")
    assert "sub" not in verified.claims
    assert django_provider.counts()["jwt_token"] == before + 1


async def test_canaille_answers_with_an_opaque_token(canaille: Partner) -> None:
    answer = (await canaille.ask_for_token()).json()
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
    claims = read_claims(grant.access_token)
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
    assert read_claims(grant.access_token)["cnf"] == {"jkt": grant.jkt}
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
