"""Tokens of every grant: refreshes, ID tokens, opaque tokens, and what is taken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.partners.loopback import open_http
from tests.partners.resource_server import read_claims, read_header, verify_in_python
from tests.proxy.e2e.issuance_hooks import ISSUANCE, SEEN
from tests.proxy.e2e.issuing_server import CLIENT_SECRET, IssuingServer
from tests.proxy.e2e.product import Product, free_port, post_form, run_hookpoint
from tests.proxy.e2e.recorder import AUDIENCE
from tests.proxy.e2e.serving import serve_in_thread

CONFIGURATION = """
[tokens]
grantable_scopes = { "m2m" = ["api:extra"] }
opaque = "OPAQUE"
[limits]
token_timeout = 10.0
"""

# Most of what is asked here has nothing to do with the store.
on_one_store = pytest.mark.parametrize("module_store_url", ["sqlite"], indirect=True, scope="module")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint, the server behind it, and the folder of the hooks."""

    product: Product
    server: IssuingServer
    folder: Path

    async def ask(
        self, grant_type: str = "authorization_code", *, do: object = None, **parameters: str
    ) -> httpx2.Response:
        """Ask for tokens as the client m2m."""
        wish = {} if do is None else {"do": json.dumps(do)}
        code = {"code": "c", "redirect_uri": "https://app.example.test/"} if grant_type == "authorization_code" else {}
        form = {"grant_type": grant_type, **code, **parameters, **wish}
        answer: httpx2.Response = await post_form(f"{self.product.url}/oauth/token", form, auth=("m2m", CLIENT_SECRET))
        return answer

    def logged(self, event: str, answer: httpx2.Response) -> dict[str, Any]:
        """What the log says of a request."""
        return self.product.events(event, request_id=answer.headers["x-request-id"])[-1]

    async def refresh(self, refresh_token: str, *, do: object = None) -> httpx2.Response:
        """Use a refresh token."""
        return await self.ask("refresh_token", refresh_token=refresh_token, do=do)


def run_stage(folder: Path, opaque: str, store: str) -> Iterator[Stage]:
    port = free_port()
    server = IssuingServer(issuer=f"http://127.0.0.1:{port}")
    with serve_in_thread(server.app) as upstream:
        introspection = f'introspection = {{ client_id = "hookpoint", client_secret = "{CLIENT_SECRET}" }}'
        text = f'[upstream]\nurl = "{upstream}"\n{introspection}\n{CONFIGURATION.replace("OPAQUE", opaque)}'
        text += f'[store]\nurl = "{store}"\n'
        with run_hookpoint(folder, text + '\n[[hooks]]\nrun = "hooks.py"\n', hooks=ISSUANCE, port=port) as product:
            yield Stage(product=product, server=server, folder=folder)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, module_store_url: str) -> Iterator[Stage]:
    yield from run_stage(tmp_path_factory.mktemp("grants"), "pass", module_store_url)


@pytest.fixture(scope="module")
def minting(tmp_path_factory: pytest.TempPathFactory, module_store_url: str) -> Iterator[Stage]:
    yield from run_stage(tmp_path_factory.mktemp("minting"), "mint", module_store_url)


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    server = running.server
    server.id_token, server.opaque, server.rotate, server.pause = "RS256", False, True, 0.0
    server.members.clear()
    server.claims.clear()
    server.revoked.clear()
    yield running
    (running.folder / "failing").unlink(missing_ok=True)


@on_one_store
@pytest.mark.parametrize(
    "grant_type",
    [
        "authorization_code",
        "password",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:openid:params:grant-type:ciba",
        "http://auth0.com/oauth/grant-type/mfa-otp",
    ],
)
async def test_T1_hooks_see_and_change_the_token_of_every_grant(stage: Stage, grant_type: str) -> None:
    members = (await stage.ask(grant_type)).json()
    verified = await verify_in_python(members["access_token"], stage.product.url, AUDIENCE)
    assert verified.claims[SEEN]["grant"] == grant_type
    assert verified.claims[SEEN]["user"] == ["user-1", "jo@example.com", True]
    assert members["refresh_token"] in stage.server.good


@on_one_store
async def test_T13_the_hash_in_the_id_token_is_that_of_the_new_access_token(stage: Stage) -> None:
    members = (await stage.ask(do={"id_token_claims": {"https://example.com/tier": 3}})).json()
    async with open_http() as http:
        keys = KeySet.import_key_set((await http.get(f"{stage.product.url}/.well-known/jwks.json")).json())
    decoded = jwt.decode(members["id_token"], keys, algorithms=["RS256"])
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={"iss": {"value": stage.product.url}, "aud": {"value": "m2m"}, "nonce": {"value": "n-1"}},
        params={"access_token": members["access_token"], "nonce": "n-1", "client_id": "m2m"},
    )
    claims.validate()
    assert claims["https://example.com/tier"] == 3
    assert read_header(members["id_token"])["kid"] == read_header(members["access_token"])["kid"]


@on_one_store
@pytest.mark.parametrize("kind", ["HS256", "encrypted"])
async def test_T13_an_id_token_that_only_the_server_can_sign_fails_closed(stage: Stage, kind: str) -> None:
    stage.server.id_token = kind
    answer = await stage.ask()
    assert answer.status_code == 502
    assert answer.json()["error"] == "server_error"
    reason = stage.logged("id_token_fixed", answer)["reason"]
    assert ("client's secret" if kind == "HS256" else "encrypted to the client") in reason


@on_one_store
@pytest.mark.parametrize(
    ("kind", "do"), [("HS256 without at_hash", None), ("HS256", "nothing"), ("encrypted", "nothing")]
)
async def test_an_id_token_that_need_not_change_stays_as_it_is(stage: Stage, kind: str, do: object) -> None:
    stage.server.id_token = kind
    answer = await stage.ask(do=do)
    assert answer.status_code == 200
    assert (SEEN in read_claims(answer.json()["access_token"])) == (do is None)


@on_one_store
@pytest.mark.parametrize("claim", ["sub", "aud", "nonce", "at_hash", "auth_time", "exp", "iss"])
async def test_a_claim_of_the_id_token_that_hooks_may_not_write_is_an_error(stage: Stage, claim: str) -> None:
    answer = await stage.ask(do={"id_token_claims": {claim: "x"}})
    assert answer.status_code == 500
    assert claim in stage.logged("hook_failed", answer)["reason"]


@on_one_store
async def test_taking_openid_away_takes_the_id_token_away(stage: Stage) -> None:
    members = (await stage.ask(do={"scope": ["api:read", "offline_access"]})).json()
    assert "id_token" not in members
    assert members["scope"] == read_claims(members["access_token"])["scope"] == "offline_access api:read"


async def test_taking_offline_access_away_takes_the_refresh_token_away_and_back(stage: Stage) -> None:
    members = (await stage.ask(do={"scope": ["api:read", "openid"]})).json()
    assert "refresh_token" not in members
    assert len(stage.server.revoked) == 1
    assert "id_token" in members


@on_one_store
async def test_an_early_hook_refuses_before_the_server_is_asked(stage: Stage) -> None:
    issued = len(stage.server.issued)
    answer = await stage.ask(door="closed")
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")
    assert len(stage.server.issued) == issued
    assert stage.server.revoked == []


async def test_T22_what_a_hook_refuses_after_issue_is_revoked(stage: Stage) -> None:
    answer = await stage.ask(do="deny")
    assert answer.json() == {"error": "access_denied", "error_description": "Not like this."}
    assert len(stage.server.revoked) == 2
    assert not set(stage.server.revoked) & (stage.server.good | stage.server.issued.keys())


async def test_T23_hooks_run_again_on_refresh(stage: Stage) -> None:
    first = (await stage.ask()).json()
    second = (await stage.refresh(first["refresh_token"])).json()
    seen = read_claims(second["access_token"])[SEEN]
    assert (seen["grant"], seen["refresh"]) == ("refresh_token", True)


async def test_T23_scope_never_grows_on_refresh(stage: Stage) -> None:
    extra = {"scope": ["openid", "offline_access", "api:read", "api:extra"]}
    plain = (await stage.ask()).json()
    refused = await stage.refresh(plain["refresh_token"], do=extra)
    assert refused.status_code == 500
    assert stage.logged("hook_failed", refused)["code"] == "scope_not_grantable"
    first = (await stage.ask(do=extra)).json()
    second = (await stage.refresh(first["refresh_token"], do=extra)).json()
    third = (await stage.refresh(second["refresh_token"], do=extra)).json()
    assert "api:extra" in third["scope"].split()
    fourth = (await stage.refresh(third["refresh_token"])).json()
    assert "api:extra" not in fourth["scope"].split()


async def test_T23_of_twenty_refreshes_at_once_one_succeeds(stage: Stage) -> None:
    stage.server.pause = 0.02
    first = (await stage.ask()).json()
    answers = await asyncio.gather(*(stage.refresh(first["refresh_token"]) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


async def test_T24_a_failed_hook_does_not_cost_the_refresh_token(stage: Stage) -> None:
    first = (await stage.ask()).json()
    (stage.folder / "failing").touch()
    failed = await stage.refresh(first["refresh_token"])
    assert failed.status_code == 500
    assert first["refresh_token"] not in stage.server.good
    (stage.folder / "failing").unlink()
    again = (await stage.refresh(first["refresh_token"])).json()
    assert again["refresh_token"] in stage.server.good
    assert read_claims(again["access_token"])[SEEN]["refresh"] is True
    once_more = await stage.refresh(first["refresh_token"])
    assert once_more.status_code == 400


async def test_T24_the_kept_answer_is_for_the_client_that_lost_it(stage: Stage) -> None:
    first = (await stage.ask()).json()
    (stage.folder / "failing").touch()
    await stage.refresh(first["refresh_token"])
    (stage.folder / "failing").unlink()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    thief = await post_form(f"{stage.product.url}/oauth/token", form, auth=("m2m", "wrong"))
    assert thief.status_code == 400
    nobody = await post_form(f"{stage.product.url}/oauth/token", form | {"client_id": "m2m"})
    assert nobody.status_code == 400
    assert (await stage.refresh(first["refresh_token"])).status_code == 200


@on_one_store
@pytest.mark.parametrize(
    ("issued_token_type", "touched"),
    [
        ("urn:ietf:params:oauth:token-type:access_token", True),
        ("urn:ietf:params:oauth:token-type:jwt", True),
        ("urn:ietf:params:oauth:token-type:refresh_token", False),
        ("urn:ietf:params:oauth:token-type:saml2", False),
    ],
)
async def test_T29_an_exchange_that_issues_something_else_is_not_touched(
    stage: Stage, issued_token_type: str, touched: bool
) -> None:
    stage.server.members["issued_token_type"] = issued_token_type
    members = (await stage.ask("urn:ietf:params:oauth:grant-type:token-exchange", subject_token="t")).json()
    assert (SEEN in read_claims(members["access_token"])) == touched


async def test_T19_hooks_see_what_the_server_says_of_an_opaque_token(stage: Stage) -> None:
    stage.server.opaque, stage.server.id_token = True, "none"
    answer = await stage.ask(do={"scope": ["openid", "api:read"], "expires_in": 60})
    members = answer.json()
    assert members["access_token"] in stage.server.issued
    assert (members["scope"], members["expires_in"]) == ("api:read openid", 60)


async def test_T19_a_jwt_takes_the_place_of_an_opaque_token(minting: Stage) -> None:
    minting.server.opaque, minting.server.id_token = True, "none"
    members: dict[str, Any] = (await minting.ask(audience=AUDIENCE)).json()
    verified = await verify_in_python(members["access_token"], minting.product.url, AUDIENCE)
    assert verified.header["typ"] == "at+jwt"
    assert verified.claims[SEEN]["user"] == ["user-1", "jo@example.com", True]
    assert (verified.claims["sub"], verified.claims["client_id"]) == ("user-1", "m2m")
    assert verified.claims["scope"] == members["scope"] == "openid offline_access api:read"
    assert abs(members["expires_in"] - 3600) <= 2
