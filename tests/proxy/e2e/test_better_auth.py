"""hookpoint in front of better-auth: JWTs signed with EdDSA, opaque tokens, an issuer with a path, a lenient router."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.partners.better_auth import LOGIN_CLIENT, RESOURCE, run_better_auth, sign_in
from tests.partners.clients import get_token_with_authlib, get_token_with_openid_client
from tests.partners.loopback import open_http
from tests.partners.partner import Client, Partner
from tests.partners.resource_server import read_claims, resource_server_verify, verify_in_python
from tests.proxy.e2e.partner_stage import TIER, PartnerStage, run_partner_stage
from tests.proxy.e2e.raw_http import send_raw

BASE = "/api/auth"
INTROSPECTION, REVOCATION, USER_INFO = f"{BASE}/oauth2/introspect", f"{BASE}/oauth2/revoke", f"{BASE}/oauth2/userinfo"

Stage = PartnerStage[Partner]

only_pass = pytest.mark.parametrize("mode", ["pass"], indirect=True, scope="module")
only_mint = pytest.mark.parametrize("mode", ["mint"], indirect=True, scope="module")


@pytest.fixture(scope="module", params=["pass", "mint"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, module_store_url: str, mode: str) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("better-auth")
    with run_partner_stage(folder, run_better_auth, store=module_store_url, opaque=mode, issuer_path=BASE) as running:
        yield running


async def introspect(stage: Stage, token: str, client: Client | None = None) -> dict[str, Any]:
    """What hookpoint answers a client, by default the machine, about a token."""
    answer = await stage.post(INTROSPECTION, {"token": token}, client=client)
    assert answer.status_code == 200, answer.text
    members: dict[str, Any] = answer.json()
    return members


async def test_T1_a_jwt_gets_its_claims_and_verifies(stage: Stage) -> None:
    for get_token in (get_token_with_authlib, get_token_with_openid_client):
        grant = await get_token(stage.issuer, stage.partner.client(), scope="api:read api:write", resource=RESOURCE)
        verified = await resource_server_verify(grant.access_token, stage.issuer, RESOURCE)
        assert (verified.header["alg"], verified.header["typ"]) == ("EdDSA", "at+jwt")
        assert verified.claims[TIER]["client"] == "m2m"
        assert verified.claims["scope"] == grant.answer["scope"] == "api:read"
        assert grant.answer["expires_at"] == verified.claims["exp"]


async def test_T11_a_shorter_life_is_told_in_every_member(stage: Stage) -> None:
    for parameters in ({"resource": RESOURCE}, {}):
        answer = (await stage.machine_token(life="60", **parameters)).json()
        told = await introspect(stage, answer["access_token"])
        assert 0 < answer["expires_in"] <= 60
        assert abs(answer["expires_at"] - told["exp"]) <= 1


async def test_T16_the_server_knows_its_jwt_again(stage: Stage) -> None:
    token = (await stage.machine_token(resource=RESOURCE)).json()["access_token"]
    told = await introspect(stage, token)
    assert (told["active"], told["scope"], told[TIER]["client"]) == (True, "api:read", "m2m")


async def test_T19_an_opaque_token_is_told_about_at_introspection(stage: Stage) -> None:
    answer = (await stage.machine_token()).json()
    told = await introspect(stage, answer["access_token"])
    assert (told["active"], told["client_id"]) == (True, "m2m")
    assert told["scope"] == answer["scope"] == "api:read"
    assert {"client_id", "exp", "scope"} <= set(told[TIER]["told"])


async def test_T18_a_revoked_opaque_token_is_inactive(stage: Stage) -> None:
    token = (await stage.machine_token()).json()["access_token"]
    assert (await stage.post(REVOCATION, {"token": token})).status_code == 200
    assert await introspect(stage, token) == {"active": False}


@only_pass
async def test_T19_an_opaque_token_passes_as_it_is(stage: Stage) -> None:
    assert "." not in (await stage.machine_token()).json()["access_token"]


@only_mint
async def test_T19_a_jwt_takes_the_place_of_an_opaque_token(stage: Stage) -> None:
    answer = (await stage.machine_token()).json()
    verified = await resource_server_verify(answer["access_token"], stage.issuer, stage.issuer)
    assert verified.claims[TIER]["client"] == "m2m"
    assert (verified.claims["sub"], verified.claims["scope"]) == ("m2m", "api:read")


async def test_T1_a_user_who_signs_up_gets_claims_in_both_tokens(stage: Stage) -> None:
    answer = await sign_in(stage.partner, stage.product.url, resource=RESOURCE)
    verified = await resource_server_verify(answer["access_token"], stage.issuer, RESOURCE)
    id_token = await verify_in_python(answer["id_token"], stage.issuer, LOGIN_CLIENT)
    user = verified.claims["sub"]
    assert verified.claims[TIER]["kind"] == "authorization_code"
    assert id_token.claims["sub"] == user
    assert id_token.claims[TIER] == {"kind": "authorization_code", "user": user}
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"], "resource": RESOURCE}
    client = stage.partner.clients[LOGIN_CLIENT]
    refreshed = (await stage.post(stage.partner.token_path, refresh, client=client)).json()
    verified = await verify_in_python(refreshed["access_token"], stage.issuer, RESOURCE)
    assert (verified.claims["sub"], verified.claims[TIER]["kind"]) == (user, "refresh")


async def test_T16_user_info_is_that_of_the_user(stage: Stage, mode: str) -> None:
    """The machine may not introspect a user's token; whom a minted JWT is for comes from the ID token."""
    answer = await sign_in(stage.partner, stage.product.url)
    subject = read_claims(answer["id_token"])["sub"]
    if mode == "mint":
        assert read_claims(answer["access_token"])["sub"] == subject
    async with open_http({"authorization": f"Bearer {answer['access_token']}"}) as http:
        told = await http.get(stage.product.url + USER_INFO)
    assert told.status_code == 200
    assert (told.json()["sub"], told.json()["name"]) == (subject, "Jo Doe")
    assert (TIER in told.json()) == (mode == "pass")
    client = stage.partner.clients[LOGIN_CLIENT]
    assert (await introspect(stage, answer["access_token"], client))[TIER]["kind"] == "authorization_code"


async def test_a_hook_denies_and_the_token_is_revoked(stage: Stage) -> None:
    answer = await stage.machine_token(tenant="blocked")
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")
    assert stage.product.events("token_revoked", client_id="m2m")


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("/api/auth/./oauth2/token", True),
        ("/./api/auth/oauth2/token", True),
        ("/api/auth/x/../oauth2/token", True),
        ("/api/auth/oauth2/%2e/token", True),
        ("/api/auth/oauth2\\token", True),
        ("//api/auth/oauth2/token", False),
        ("/api/auth//oauth2/token", False),
        ("/api/auth/oauth2//token", False),
        ("/api/auth/oauth2/token/", False),
        ("/api/auth/oauth2/%74oken", False),
        ("/API/auth/oauth2/token", False),
    ],
)
@only_pass
@pytest.mark.parametrize("module_store_url", ["sqlite"], indirect=True, scope="module")
async def test_P_other_spellings_of_the_token_path_are_refused(stage: Stage, path: str, reached: bool) -> None:
    client, secret = stage.partner.client(), stage.partner.secret
    credentials = base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
    headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", f"Basic {credentials}")]
    body = b"grant_type=client_credentials"
    # The server by itself takes some of them for its token endpoint.
    assert (await send_raw(stage.partner.url, path, [*headers, secret], body)).status == (200 if reached else 404)
    before = stage.partner.counts()["token"]
    answer = await send_raw(stage.product.url, path, headers, body)
    assert (answer.status, answer.members["error"]) == (400, "invalid_request")
    assert stage.partner.counts()["token"] == before


async def test_nothing_crashed(stage: Stage) -> None:
    assert (await stage.machine_token()).status_code == 200
    written = "".join(stage.product.lines)
    assert "Traceback" not in written
    assert "eyJ" not in written
    assert stage.partner.client().client_secret not in written
