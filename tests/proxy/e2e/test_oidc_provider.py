"""hookpoint in front of oidc-provider, which refuses whatever does not come through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.partners.clients import (
    get_token_with_authlib,
    get_token_with_openid_client,
)
from tests.partners.loopback import open_http
from tests.partners.oidc_provider import (
    EDDSA_RESOURCE,
    ENCRYPTED_RESOURCE,
    ES256_RESOURCE,
    OPAQUE_RESOURCE,
    RS256_RESOURCE,
    run_oidc_provider,
)
from tests.partners.partner import Partner
from tests.partners.resource_server import resource_server_verify
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.product import Product, free_port, post_form, run_hookpoint

METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint and the server behind it."""

    product: Product
    partner: Partner


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    with run_oidc_provider(f"http://127.0.0.1:{port}") as partner:
        name, value = partner.secret
        configuration = f"""
        [upstream]
        url = "{partner.url}"
        secret_header = {{ name = "{name}", value = "{value}" }}

        [tokens]
        grantable_scopes = {{ "m2m" = ["api:extra"] }}

        [clients.m2m]
        name = "Machine"
        metadata = {{ plan = "gold" }}

        [[hooks]]
        run = "hooks.py"
        """
        folder = tmp_path_factory.mktemp("oidc")
        with run_hookpoint(folder, configuration, hooks=HOOKS, port=port) as product:
            yield Stage(product=product, partner=partner)


@pytest.mark.parametrize("method", METHODS)
async def test_T1_openid_client_gets_a_changed_token_that_resource_servers_verify(stage: Stage, method: str) -> None:
    client = next(each for each in stage.partner.clients.values() if each.method == method)
    grant = await get_token_with_openid_client(
        stage.product.url, client, scope="api:read api:write", resource=RS256_RESOURCE
    )
    verified = await resource_server_verify(grant.access_token, stage.product.url, RS256_RESOURCE)
    assert verified.claims[PLAN] == ("gold" if client.client_id == "m2m" else "none")
    assert verified.claims["client_id"] == client.client_id
    assert verified.claims["scope"] == grant.answer["scope"] == "api:read"
    assert verified.header["typ"] == "at+jwt"
    assert abs(grant.answer["expires_in"] - 3600) <= 2


@pytest.mark.parametrize("method", METHODS)
async def test_T1_authlib_gets_a_changed_token_that_resource_servers_verify(stage: Stage, method: str) -> None:
    client = next(each for each in stage.partner.clients.values() if each.method == method)
    grant = await get_token_with_authlib(stage.product.url, client, scope="api:read", resource=RS256_RESOURCE)
    verified = await resource_server_verify(grant.access_token, stage.product.url, RS256_RESOURCE)
    assert PLAN in verified.claims


@pytest.mark.parametrize(
    ("resource", "algorithm"), [(RS256_RESOURCE, "RS256"), (ES256_RESOURCE, "ES256"), (EDDSA_RESOURCE, "EdDSA")]
)
async def test_T1_the_algorithm_follows_the_server(stage: Stage, resource: str, algorithm: str) -> None:
    client = stage.partner.client()
    grant = await get_token_with_authlib(stage.product.url, client, scope="api:read", resource=resource)
    verified = await resource_server_verify(grant.access_token, stage.product.url, resource)
    assert verified.header["alg"] == algorithm
    assert verified.claims[PLAN] == "gold"


async def test_T14_a_dpop_bound_token_stays_bound(stage: Stage) -> None:
    client = stage.partner.client()
    grant = await get_token_with_openid_client(
        stage.product.url, client, dpop=True, scope="api:read", resource=RS256_RESOURCE
    )
    verified = await resource_server_verify(grant.access_token, stage.product.url, RS256_RESOURCE)
    assert grant.answer["token_type"].lower() == "dpop"
    assert verified.claims["cnf"] == {"jkt": grant.jkt}
    assert verified.claims[PLAN] == "gold"


async def test_T14_the_nonce_that_a_server_asks_for_reaches_the_client(stage: Stage) -> None:
    client = stage.partner.clients["m2m-nonce"]
    grant = await get_token_with_openid_client(
        stage.product.url, client, dpop=True, scope="api:read", resource=RS256_RESOURCE
    )
    verified = await resource_server_verify(grant.access_token, stage.product.url, RS256_RESOURCE)
    assert verified.claims["cnf"] == {"jkt": grant.jkt}


async def test_T15_an_assertion_for_the_issuer_or_the_token_endpoint_is_accepted(stage: Stage) -> None:
    client = stage.partner.client("private_key_jwt")
    to_issuer = await get_token_with_openid_client(stage.product.url, client, resource=RS256_RESOURCE)
    to_endpoint = await get_token_with_authlib(stage.product.url, client, resource=RS256_RESOURCE)
    assert to_issuer.access_token != to_endpoint.access_token


async def test_T20_an_encrypted_token_passes_as_it_is(stage: Stage) -> None:
    client = stage.partner.client()
    grant = await get_token_with_authlib(stage.product.url, client, scope="api:read", resource=ENCRYPTED_RESOURCE)
    assert len(grant.access_token.split(".")) == 5
    assert stage.product.events("token_passes_unchanged")[-1]["claims_left_out"] == [PLAN]


async def test_T19_an_opaque_token_passes_and_what_hooks_made_of_it_is_kept(stage: Stage) -> None:
    client = stage.partner.client()
    grant = await get_token_with_authlib(
        stage.product.url, client, scope="api:read api:write", resource=OPAQUE_RESOURCE
    )
    assert len(grant.access_token.split(".")) == 1
    assert grant.answer["scope"] == "api:read"
    assert stage.product.events("token_changes_kept")[-1]["claims_set"] == [PLAN]


async def test_an_unreadable_token_does_not_pass_when_a_hook_takes_scope_away(stage: Stage) -> None:
    answer = await post_form(
        f"{stage.product.url}/oauth/token",
        {"grant_type": "client_credentials", "scope": "api:read api:write", "resource": ENCRYPTED_RESOURCE},
        auth=("m2m", stage.partner.clients["m2m"].client_secret),
    )
    assert answer.status_code == 500
    assert answer.json()["error"] == "server_error"
    assert stage.product.events("token_not_restrictable")[-1]["hooks"] == ["plan", "no_write"]


async def test_a_hook_refuses_a_client(stage: Stage) -> None:
    answer = await post_form(
        f"{stage.product.url}/oauth/token",
        {"grant_type": "client_credentials", "resource": RS256_RESOURCE, "tenant": "blocked"},
        auth=("m2m", stage.partner.clients["m2m"].client_secret),
    )
    assert answer.status_code == 400
    assert answer.json() == {"error": "access_denied", "error_description": "This tenant is blocked."}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_secret_is_refused_in_the_servers_own_words(stage: Stage) -> None:
    data = {"grant_type": "client_credentials"}
    through = await post_form(f"{stage.product.url}/oauth/token", data, auth=("m2m", "wrong"))
    direct = await post_form(f"{stage.partner.url}/oauth/token", data, auth=("m2m", "wrong"), **stage.partner.headers)
    assert through.status_code == direct.status_code == 401
    assert through.content == direct.content
    assert through.headers["www-authenticate"].startswith("Basic")


async def test_the_server_refuses_who_goes_around(stage: Stage) -> None:
    answer = await post_form(
        f"{stage.partner.url}/oauth/token",
        {"grant_type": "client_credentials"},
        auth=("m2m", stage.partner.clients["m2m"].client_secret),
    )
    assert answer.status_code == 403


async def test_T26_discovery_passes_as_it_is_and_keys_are_merged(stage: Stage) -> None:
    async with open_http() as http:
        document = (await http.get(f"{stage.product.url}/.well-known/openid-configuration")).json()
        keys = await http.get(f"{stage.product.url}/.well-known/jwks.json")
    async with open_http(stage.partner.headers) as http:
        own = (await http.get(f"{stage.partner.url}/.well-known/jwks.json")).json()
    assert document["issuer"] == stage.product.url
    assert document["jwks_uri"] == f"{stage.product.url}/.well-known/jwks.json"
    published = {key["kid"] for key in keys.json()["keys"]}
    assert published > {key["kid"] for key in own["keys"] if key.get("use", "sig") == "sig"}
    assert keys.headers["cache-control"] == "public, max-age=300"


async def test_T30_no_private_member_is_published(stage: Stage) -> None:
    async with open_http() as http:
        keys = (await http.get(f"{stage.product.url}/.well-known/jwks.json")).json()["keys"]
    assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & {member for key in keys for member in key}


async def test_operators_see_health_and_figures(stage: Stage) -> None:
    async with open_http() as http:
        assert (await http.get(f"{stage.product.admin}/livez")).status_code == 200
        assert (await http.get(f"{stage.product.admin}/readyz")).json() == {"status": "ready"}
        metrics = (await http.get(f"{stage.product.admin}/metrics")).text
        assert (await http.get(f"{stage.product.url}/metrics")).status_code == 404
    assert 'hookpoint_requests_total{outcome="reissued",route="token"}' in metrics
    assert 'hookpoint_hook_seconds_count{hook="plan",outcome="changed",point="credentials-exchange"}' in metrics


async def test_logs_hold_no_secret_and_no_token(stage: Stage) -> None:
    for client in stage.partner.clients.values():
        if client.private_key is None and client.client_id.startswith("m2m"):
            await get_token_with_openid_client(stage.product.url, client, dpop=True, resource=RS256_RESOURCE)
    written = "".join(stage.product.lines)
    assert "token_reissued" in written
    assert stage.partner.secret[1] not in written
    assert not any(
        client.client_secret and client.client_secret in written for client in stage.partner.clients.values()
    )
    assert "eyJ" not in written
