"""What goes with an opaque access token: ID tokens, refresh tokens, scopes, and whom a JWT in its place is for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hookpoint.proxy.tokens.reissue import left_half_hash
from tests.partners.resource_server import read_claims, read_header, verify_in_python
from tests.proxy.e2e.issuing_server import IssuingServer
from tests.proxy.e2e.recorder import AUDIENCE
from tests.proxy.e2e.test_every_grant import Stage, run_stage

CLAIM = "https://example.com/tier"
EXTRA = {"scope": ["openid", "offline_access", "api:read", "api:extra"]}


@pytest.fixture(scope="module", params=["pass", "mint"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, module_store_url: str, mode: str) -> Iterator[Stage]:
    yield from run_stage(tmp_path_factory.mktemp("opaque"), mode, module_store_url)


@pytest.fixture
def stage(running: Stage) -> Stage:
    reset(running.server)
    return running


def reset(server: IssuingServer) -> None:
    """Issue opaque tokens with ID tokens that are bound to them."""
    server.opaque, server.id_token, server.rotate = True, "RS256", True
    server.claims.clear()
    server.members.clear()
    server.revoked.clear()


async def test_T13_hooks_add_claims_to_the_id_token_beside_an_opaque_one(stage: Stage) -> None:
    members = (await stage.ask(do={"claims": {}, "id_token_claims": {CLAIM: 3}}, audience=AUDIENCE)).json()
    claims = read_claims(members["id_token"])
    assert claims[CLAIM] == 3
    assert claims["at_hash"] == left_half_hash(members["access_token"], "RS256")
    # Both servers' keys are published; the signature is hookpoint's.
    assert read_header(members["id_token"])["kid"] != stage.server.key.kid
    verified = await verify_in_python(members["id_token"], stage.product.url, "m2m")
    assert verified.claims[CLAIM] == 3


@pytest.mark.parametrize("mode", ["pass"], indirect=True, scope="module")
async def test_an_id_token_stays_as_it_is_where_the_access_token_does(stage: Stage) -> None:
    members = (await stage.ask()).json()
    assert read_header(members["id_token"])["kid"] == stage.server.key.kid
    stage.server.id_token = "HS256"
    assert (await stage.ask()).status_code == 200
    assert (await stage.ask(do={"id_token_claims": {CLAIM: 3}})).status_code == 502


async def test_taking_openid_away_takes_the_id_token_away(stage: Stage) -> None:
    members = (await stage.ask(do={"scope": ["api:read", "offline_access"]})).json()
    assert "id_token" not in members
    assert members["scope"] == "api:read offline_access" or members["scope"] == "offline_access api:read"


async def test_taking_offline_access_away_takes_the_refresh_token_away_and_back(stage: Stage) -> None:
    members = (await stage.ask(do={"scope": ["api:read", "openid"]})).json()
    assert "refresh_token" not in members
    assert "id_token" in members
    assert len(stage.server.revoked) == 1


async def test_T23_scope_that_a_hook_added_is_known_at_refresh(stage: Stage) -> None:
    first = (await stage.ask(do=EXTRA)).json()
    second = await stage.refresh(first["refresh_token"], do=EXTRA)
    assert second.status_code == 200
    assert "api:extra" in second.json()["scope"].split()
    third = (await stage.refresh(second.json()["refresh_token"])).json()
    refused = await stage.refresh(third["refresh_token"], do=EXTRA)
    assert refused.status_code == 500
    assert stage.product.events("hook_failed")[-1]["code"] == "scope_not_grantable"


async def test_a_shorter_life_is_told_in_every_member(stage: Stage) -> None:
    stage.server.members["expires_at"] = 4_000_000_000
    members = (await stage.ask(do={"expires_in": 60})).json()
    assert 58 <= members["expires_in"] <= 60
    assert members["expires_at"] < 4_000_000_000


@pytest.mark.parametrize("mode", ["mint"], indirect=True, scope="module")
async def test_T19_a_users_jwt_never_names_the_client_as_its_subject(stage: Stage) -> None:
    stage.server.claims["sub"] = None
    members = (await stage.ask()).json()
    assert read_claims(members["access_token"])["sub"] == read_claims(members["id_token"])["sub"] == "user-1"
    stage.server.id_token = "none"
    refused = await stage.ask()
    assert (refused.status_code, refused.json()["error"]) == (502, "server_error")
    assert "whom it is for" in stage.product.events("upstream_answer_invalid")[-1]["reason"]
    machine = (await stage.ask("client_credentials")).json()
    assert read_claims(machine["access_token"])["sub"] == "m2m"


@pytest.mark.parametrize("mode", ["mint"], indirect=True, scope="module")
async def test_T24_an_answer_that_could_not_be_used_does_not_cost_the_refresh_token(stage: Stage) -> None:
    stage.server.id_token = "none"
    first = (await stage.ask()).json()
    stage.server.claims["sub"] = None
    assert (await stage.refresh(first["refresh_token"])).status_code == 502
    assert first["refresh_token"] not in stage.server.good
    for facts in stage.server.issued.values():
        facts["sub"] = "user-1"
    again = await stage.refresh(first["refresh_token"])
    assert again.status_code == 200
    assert again.json()["refresh_token"] in stage.server.good
