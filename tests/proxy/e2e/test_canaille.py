"""hookpoint in front of Canaille, the server of pytest-iam: opaque tokens, keys at a path of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.partners.canaille import run_canaille
from tests.partners.clients import GrantRefusedError, get_token_with_authlib, get_token_with_openid_client
from tests.partners.loopback import open_http
from tests.partners.partner import Partner
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.product import Product, free_port, post_form, run_hookpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint and Canaille behind it."""

    product: Product
    partner: Partner


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    with run_canaille(issuer) as partner:
        name, value = partner.secret
        configuration = f"""
        [server]
        public_url = "{issuer}"
        [upstream]
        url = "{partner.url}"
        secret_header = {{ name = "{name}", value = "{value}" }}
        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(tmp_path_factory.mktemp("canaille"), configuration, hooks=HOOKS, port=port) as product:
            yield Stage(product=product, partner=partner)


async def test_T19_clients_get_the_opaque_token_and_what_hooks_made_of_it_is_kept(stage: Stage) -> None:
    client = stage.partner.client()
    for get_token in (get_token_with_authlib, get_token_with_openid_client):
        before = stage.partner.counts()["token"]
        grant = await get_token(stage.product.url, client, scope="api:read api:write")
        assert "." not in grant.access_token
        assert grant.answer["scope"] == "api:read"
        assert stage.partner.counts()["token"] == before + 1
    assert stage.product.events("token_changes_kept", client_id=client.client_id)[-1]["claims_set"] == [PLAN]


async def test_a_token_that_canaille_calls_inactive_stays_inactive(stage: Stage) -> None:
    client = stage.partner.client()
    auth = (client.client_id, client.client_secret)
    grant = await get_token_with_authlib(stage.product.url, client, scope="api:read")
    # It tells only the clients in a token's audience, and tokens of this grant have none.
    answer = await post_form(f"{stage.product.url}/oauth/introspect", {"token": grant.access_token}, auth=auth)
    assert (answer.status_code, answer.json()) == (200, {"active": False})


async def test_a_hook_denies_an_opaque_token(stage: Stage) -> None:
    with pytest.raises(GrantRefusedError, match="access_denied: This tenant is blocked"):
        await get_token_with_authlib(stage.product.url, stage.partner.client(), tenant="blocked")


async def test_what_canaille_refuses_is_refused_in_its_words(stage: Stage) -> None:
    # It takes Basic credentials only for this grant, whatever its metadata says.
    with pytest.raises(GrantRefusedError, match="invalid_client: The client cannot authenticate with methods"):
        await get_token_with_authlib(stage.product.url, stage.partner.client("client_secret_post"))


async def test_hookpoint_publishes_where_the_server_does(stage: Stage) -> None:
    async with open_http() as http:
        document = (await http.get(f"{stage.product.url}/.well-known/openid-configuration")).json()
        keys = (await http.get(document["jwks_uri"])).json()["keys"]
    host = {"host": stage.product.url.removeprefix("http://")}
    async with open_http(stage.partner.headers | host) as http:
        own = (await http.get(stage.partner.url + stage.partner.jwks_path)).json()["keys"]
    assert document["jwks_uri"] == f"{stage.product.url}/oauth/jwks.json"
    assert len(keys) == len(own) + 1
    assert {key["kid"] for key in own} < {key["kid"] for key in keys}


def test_nothing_crashed(stage: Stage) -> None:
    assert "Traceback" not in "".join(stage.product.lines)
