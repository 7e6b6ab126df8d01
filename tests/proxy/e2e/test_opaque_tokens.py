"""Opaque tokens of django-oauth-toolkit and oidc-provider: passed on with what hooks made of them, or replaced by JWTs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from tests.partners.django_provider import run_django_provider
from tests.partners.oidc_provider import LOGIN_CLIENT, OPAQUE_RESOURCE, run_oidc_provider
from tests.partners.openid_client import OpenIdClient, RefusedError
from tests.partners.partner import Partner
from tests.partners.resource_server import read_claims, resource_server_verify
from tests.partners.running_script import RunningScript
from tests.proxy.e2e.partner_stage import TIER, PartnerStage, run_partner_stage

pytestmark = pytest.mark.slow

INTROSPECTION, REVOCATION = "/oauth/introspect", "/oauth/revoke"
# The discovery document that Django serves is not the toolkit's.
TOOLKIT_ROUTES = f'introspection = ["{INTROSPECTION}"], revocation = ["{REVOCATION}"]'

Stage = PartnerStage[Partner]

only_pass = pytest.mark.parametrize("mode", ["pass"], indirect=True, scope="module")
only_mint = pytest.mark.parametrize("mode", ["mint"], indirect=True, scope="module")
only_oidc = pytest.mark.parametrize("server", ["oidc-provider"], indirect=True, scope="module")


@pytest.fixture(scope="module", params=["django-oauth-toolkit", "oidc-provider"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["pass", "mint"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def django() -> Iterator[Partner]:
    """One for all: it takes its issuer from each request."""
    with run_django_provider() as partner:
        yield partner


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    module_store_url: str,
    server: str,
    mode: str,
) -> Iterator[Stage]:
    is_toolkit = server == "django-oauth-toolkit"

    def run(public_url: str) -> AbstractContextManager[Partner]:
        return nullcontext(request.getfixturevalue("django")) if is_toolkit else run_oidc_provider(public_url)

    routes = TOOLKIT_ROUTES if is_toolkit else ""
    folder = tmp_path_factory.mktemp("opaque")
    with run_partner_stage(folder, run, store=module_store_url, opaque=mode, routes=routes) as running:
        yield running


@pytest.fixture
def client(stage: Stage, openid_client_script: RunningScript) -> OpenIdClient:
    return OpenIdClient(script=openid_client_script, issuer=stage.issuer, client=stage.partner.clients[LOGIN_CLIENT])


async def machine_token(stage: Stage) -> dict[str, Any]:
    """An answer that grants a token for the resource."""
    answer = await stage.machine_token(resource=OPAQUE_RESOURCE)
    assert answer.status_code == 200, answer.text
    members: dict[str, Any] = answer.json()
    return members


async def introspect(stage: Stage, token: str) -> dict[str, Any]:
    """What hookpoint answers about a token."""
    answer = await stage.post(INTROSPECTION, {"token": token})
    assert answer.status_code == 200, answer.text
    members: dict[str, Any] = answer.json()
    return members


async def test_T19_introspection_tells_what_hooks_made_of_the_token(stage: Stage) -> None:
    answer = await machine_token(stage)
    told = await introspect(stage, answer["access_token"])
    assert told["active"] is True
    assert told["scope"] == answer["scope"] == "api:read"
    assert told["client_id"] == "m2m"
    assert told[TIER]["client"] == "m2m"


async def test_T19_hooks_see_what_the_server_says_of_the_token(stage: Stage) -> None:
    told = await introspect(stage, (await machine_token(stage))["access_token"])
    assert {"client_id", "exp", "scope"} <= set(told[TIER]["told"])
    assert told[TIER]["scope"] == ["api:read", "api:write"]


async def test_T16_a_revoked_token_is_inactive(stage: Stage) -> None:
    token = (await machine_token(stage))["access_token"]
    assert (await introspect(stage, token))["active"] is True
    assert (await stage.post(REVOCATION, {"token": token})).status_code == 200
    assert await introspect(stage, token) == {"active": False}


async def test_T16_who_asks_without_credentials_is_refused_in_the_servers_words(stage: Stage) -> None:
    token = (await machine_token(stage))["access_token"]
    wrong = stage.partner.client().__class__(client_id="m2m", client_secret="wrong")
    through = await stage.post(INTROSPECTION, {"token": token}, client=wrong)
    assert 400 <= through.status_code < 500
    assert TIER not in through.text


@only_pass
async def test_T19_the_token_is_the_servers_own(stage: Stage) -> None:
    answer = await machine_token(stage)
    assert "." not in answer["access_token"]
    entry = stage.product.events("token_changes_kept", client_id="m2m")[-1]
    assert (entry["claims_set"], entry["scope"]) == ([TIER], "api:read")


@only_mint
async def test_T19_the_token_is_a_jwt_that_verifies(stage: Stage) -> None:
    answer = await machine_token(stage)
    verified = await resource_server_verify(answer["access_token"], stage.issuer, OPAQUE_RESOURCE)
    assert verified.header["typ"] == "at+jwt"
    assert (verified.claims["client_id"], verified.claims["scope"]) == ("m2m", "api:read")
    assert verified.claims[TIER]["kind"] == "machine"
    introspected = await introspect(stage, answer["access_token"])
    assert introspected["exp"] >= verified.claims["exp"]
    assert {name: introspected[name] for name in (TIER, "jti", "aud")} == {
        name: verified.claims[name] for name in (TIER, "jti", "aud")
    }


async def test_a_hook_denies_and_what_was_issued_is_revoked(stage: Stage) -> None:
    answer = await stage.machine_token(resource=OPAQUE_RESOURCE, tenant="blocked")
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")
    assert stage.product.events("token_revoked", client_id="m2m", kind="access_token")


@only_oidc
async def test_T19_claims_of_a_users_token_are_told_at_introspection(stage: Stage, client: OpenIdClient) -> None:
    tokens = await client.sign_in(scope="openid offline_access api:read api:write", resource=OPAQUE_RESOURCE)
    for kind in ("authorization_code", "refresh"):
        told = await client.introspect(tokens.access_token)
        assert told["scope"] == tokens.answer["scope"] == "api:read"
        assert (told["sub"], told[TIER]["kind"]) == ("alice", kind)
        tokens = await client.refresh(tokens.refresh_token)


@only_oidc
async def test_claims_of_the_id_token_do_not_depend_on_the_access_token(stage: Stage, client: OpenIdClient) -> None:
    tokens = await client.sign_in(scope="openid offline_access")
    for kind in ("authorization_code", "refresh"):
        assert tokens.claims is not None
        assert tokens.claims[TIER] == {"kind": kind, "user": "alice"}
        tokens = await client.refresh(tokens.refresh_token)


@only_oidc
@only_pass
async def test_T16_user_info_tells_what_hooks_added(stage: Stage, client: OpenIdClient) -> None:
    tokens = await client.sign_in(scope="openid")
    told = await client.user_info(tokens.access_token, "alice")
    assert told["sub"] == "alice"
    assert told[TIER]["kind"] == "authorization_code"


@only_oidc
@only_mint
async def test_T16_user_info_is_for_the_minted_token_too(stage: Stage, client: OpenIdClient) -> None:
    tokens = await client.sign_in(scope="openid")
    assert read_claims(tokens.access_token)["sub"] == "alice"
    assert await client.user_info(tokens.access_token, "alice") == {"sub": "alice"}
    await client.revoke(tokens.access_token)
    with pytest.raises(RefusedError) as refused:
        await client.user_info(tokens.access_token, "alice")
    assert (refused.value.error, refused.value.status) == ("invalid_token", 401)


async def test_nothing_crashed_and_no_token_is_in_the_log(stage: Stage) -> None:
    token = (await machine_token(stage))["access_token"]
    await introspect(stage, token)
    written = "".join(stage.product.lines)
    assert "Traceback" not in written
    assert token not in written
    assert stage.partner.client().client_secret not in written
