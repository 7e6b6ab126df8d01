"""hookpoint in front of Django: opaque tokens of django-oauth-toolkit, JWTs of django-allauth, from one server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.partners.clients import get_token_with_authlib, get_token_with_openid_client
from tests.partners.django_provider import DjangoProvider, run_django_provider
from tests.partners.loopback import open_http
from tests.partners.resource_server import read_claims, resource_server_verify
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.mock_stage import assert_is_oauth_error
from tests.proxy.e2e.product import Product, free_port, post_form, run_hookpoint

AUDIENCE = "https://api.example.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint and Django behind it."""

    product: Product
    partner: DjangoProvider

    @property
    def auth(self) -> tuple[str, str]:
        """The client's credentials."""
        client = self.partner.client()
        return client.client_id, client.client_secret


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    public_url = f"http://127.0.0.1:{port}"
    with run_django_provider(public_url) as partner:
        name, value = partner.secret
        # allauth says in its tokens what the Host header says; its token endpoint comes from discovery, the toolkit's
        # is the one of the dialect.
        configuration = f"""
        [server]
        public_url = "{public_url}"
        [upstream]
        url = "{partner.url}"
        secret_header = {{ name = "{name}", value = "{value}" }}
        [clients.m2m]
        metadata = {{ plan = "gold" }}
        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(tmp_path_factory.mktemp("django"), configuration, hooks=HOOKS, port=port) as product:
            yield Stage(product=product, partner=partner)


async def test_T1_allauth_tokens_are_changed_and_verify(stage: Stage) -> None:
    client = stage.partner.client()
    for get_token in (get_token_with_authlib, get_token_with_openid_client):
        grant = await get_token(stage.product.url, client, scope="api:read api:write", resource=AUDIENCE)
        verified = await resource_server_verify(grant.access_token, stage.product.url, AUDIENCE)
        assert verified.claims[PLAN] == "gold"
        assert verified.claims["scope"] == grant.answer["scope"] == "api:read"
        assert "sub" not in verified.claims
        assert verified.header["typ"] == "JWT"


async def test_T1_an_allauth_token_without_audience_is_signed_again(stage: Stage) -> None:
    before = stage.partner.counts().get("jwt_token", 0)
    url = stage.product.url + stage.partner.jwt_token_path
    answer = await post_form(url, {"grant_type": "client_credentials", "scope": "api:read"}, auth=stage.auth)
    async with open_http() as http:
        keys = KeySet.import_key_set((await http.get(f"{stage.product.url}/.well-known/jwks.json")).json())
    token = jwt.decode(answer.json()["access_token"], keys, algorithms=["RS256"])
    assert token.claims[PLAN] == "gold"
    assert not {"aud", "sub"} & token.claims.keys()
    assert token.claims["iss"] == stage.product.url
    assert stage.partner.counts()["jwt_token"] == before + 1


async def test_T19_an_opaque_token_of_the_toolkit_passes(stage: Stage) -> None:
    form = {"grant_type": "client_credentials", "scope": "api:read"}
    before = stage.partner.counts()["token"]
    answer = await post_form(f"{stage.product.url}/oauth/token", form, auth=stage.auth)
    assert answer.status_code == 200
    assert "." not in answer.json()["access_token"]
    assert answer.json()["expires_in"] == 36000
    assert stage.partner.counts()["token"] == before + 1
    assert stage.product.events("token_passes_unchanged", client_id="m2m")[-1]["claims_left_out"] == [PLAN]


@pytest.mark.parametrize("path", ["/oauth/token", "/identity/o/api/token"])
async def test_a_hook_denies_whatever_the_token_is(stage: Stage, path: str) -> None:
    form = {"grant_type": "client_credentials", "tenant": "blocked"}
    answer = await post_form(stage.product.url + path, form, auth=stage.auth)
    assert_is_oauth_error(answer, 400, "access_denied")


async def test_an_opaque_token_does_not_pass_when_a_hook_takes_scope_away(stage: Stage) -> None:
    form = {"grant_type": "client_credentials", "scope": "api:read api:write"}
    answer = await post_form(f"{stage.product.url}/oauth/token", form, auth=stage.auth)
    assert_is_oauth_error(answer, 500, "server_error")


@pytest.mark.parametrize("path", ["/oauth/token", "/identity/o/api/token"])
async def test_a_wrong_secret_is_refused_in_djangos_own_words(stage: Stage, path: str) -> None:
    form = {"grant_type": "client_credentials"}
    through = await post_form(stage.product.url + path, form, auth=("m2m", "wrong"))
    direct = await post_form(stage.partner.url + path, form, auth=("m2m", "wrong"), **stage.partner.headers)
    assert through.status_code == direct.status_code
    assert 400 <= through.status_code < 500
    assert through.content == direct.content


async def test_what_is_not_intercepted_is_djangos(stage: Stage) -> None:
    token = {"token": "unknown"}
    answer = await post_form(f"{stage.product.url}/oauth/introspect", token, auth=stage.auth)
    direct = await post_form(f"{stage.partner.url}/oauth/introspect", token, auth=stage.auth, **stage.partner.headers)
    assert (answer.status_code, answer.content) == (direct.status_code, direct.content)


async def test_the_servers_own_tokens_and_keys_are_what_they_were(stage: Stage) -> None:
    form = {"grant_type": "client_credentials"}
    host = {"host": stage.product.url.removeprefix("http://")}
    direct = await post_form(stage.partner.jwt_token_url, form, auth=stage.auth, **stage.partner.headers, **host)
    assert PLAN not in read_claims(direct.json()["access_token"])
    async with open_http() as http:
        merged = (await http.get(f"{stage.product.url}/.well-known/jwks.json")).json()["keys"]
    own = (await stage.partner.get_keys()).json()["keys"]
    assert [key for key in merged if key in own] == own


def test_nothing_crashed(stage: Stage) -> None:
    written = "".join(stage.product.lines)
    assert "Traceback" not in written
    assert stage.auth[1] not in written
