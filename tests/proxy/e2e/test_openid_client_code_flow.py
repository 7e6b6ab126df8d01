"""Users signed in with openid-client through hookpoint, beside the same conversation with oidc-provider itself.

openid-client ── discovery, code with PKCE, refresh, user info, introspection, revocation, exchange, logout ──► oidc-provider
              └─ the same ──► hookpoint, with hooks ──► oidc-provider
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from authlib.oidc.core import CodeIDToken

from tests.partners.loopback import open_http
from tests.partners.oidc_provider import LOGIN_CLIENT, OPAQUE_RESOURCE, RS256_RESOURCE, run_oidc_provider
from tests.partners.openid_client import OpenIdClient, RefusedError, Tokens
from tests.partners.partner import Partner
from tests.partners.resource_server import read_header, resource_server_verify, verify_in_python
from tests.partners.running_script import RunningScript
from tests.proxy.e2e.partner_stage import TIER, PartnerStage, run_partner_stage

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
SCOPE = "openid offline_access api:read"
# What an introspection answer may say more about a JWT that took the place of an opaque token (RFC 7662 section 2.2).
OF_A_JWT = {"aud", "jti", TIER}
VARYING = {"iss", "iat", "exp", "jti", "access_token", "expires_in"}

Conversation = Mapping[str, Any]
# The kinds of access tokens: no resource is for user info.
KINDS: Mapping[str, Mapping[str, str]] = {
    "for the server": {},
    "opaque": {"resource": OPAQUE_RESOURCE},
    "jwt": {"resource": RS256_RESOURCE},
}


@pytest.fixture(scope="module")
def direct() -> Iterator[Partner]:
    """The server by itself."""
    with run_oidc_provider(binds_id_tokens=True) as partner:
        yield partner


@pytest.fixture(scope="module")
def conversations() -> dict[str, Conversation]:
    """What was said without hookpoint, by the kind of token."""
    return {}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, module_store_url: str) -> Iterator[PartnerStage[Partner]]:
    """JWTs take the place of opaque tokens, so that every access token is one of hookpoint's."""
    run = partial(run_oidc_provider, binds_id_tokens=True)
    folder = tmp_path_factory.mktemp("code")
    with run_partner_stage(folder, run, store=module_store_url, opaque="mint") as running:
        yield running


@pytest.fixture
def client(stage: PartnerStage[Partner], openid_client_script: RunningScript) -> OpenIdClient:
    return OpenIdClient(script=openid_client_script, issuer=stage.issuer, client=stage.partner.clients[LOGIN_CLIENT])


@pytest.fixture
def alone(direct: Partner, openid_client_script: RunningScript) -> OpenIdClient:
    """The client of the server by itself."""
    client = direct.clients[LOGIN_CLIENT]
    return OpenIdClient(script=openid_client_script, issuer=direct.issuer, client=client, headers=direct.headers)


def check_id_token(tokens: Tokens, issuer: str, kind: str) -> None:
    """Look at an ID token, whose signature openid-client has verified, as an Authlib client does."""
    assert tokens.claims is not None
    header = read_header(str(tokens.answer["id_token"]))
    CodeIDToken(
        dict(tokens.claims),
        header,
        options={"iss": {"value": issuer}, "aud": {"value": LOGIN_CLIENT}, "sub": {"value": "alice"}},
        params={"access_token": tokens.access_token, "client_id": LOGIN_CLIENT},
    ).validate()
    digest = hashlib.sha256(tokens.access_token.encode()).digest()[:16]
    assert tokens.claims["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert tokens.claims[TIER] == {"kind": kind, "user": "alice"}


async def test_T13_claims_are_in_both_tokens_after_sign_in_and_after_refresh(
    stage: PartnerStage[Partner], client: OpenIdClient
) -> None:
    tokens = await client.sign_in(scope=f"{SCOPE} api:write", resource=RS256_RESOURCE)
    kind = "authorization_code"
    for _ in range(3):
        verified = await resource_server_verify(tokens.access_token, stage.issuer, RS256_RESOURCE)
        assert verified.claims[TIER]["kind"] == kind
        assert (verified.claims["sub"], verified.claims["client_id"]) == ("alice", LOGIN_CLIENT)
        assert verified.claims["scope"] == tokens.answer["scope"] == "api:read"
        check_id_token(tokens, stage.issuer, kind)
        tokens, kind = await client.refresh(tokens.refresh_token), "refresh"


async def test_T13_an_id_token_beside_a_minted_jwt_is_bound_to_it(
    stage: PartnerStage[Partner], client: OpenIdClient
) -> None:
    tokens = await client.sign_in(scope=SCOPE)
    verified = await verify_in_python(tokens.access_token, stage.issuer, stage.issuer)
    assert verified.claims[TIER]["kind"] == "authorization_code"
    assert verified.claims["sub"] == "alice"
    check_id_token(tokens, stage.issuer, "authorization_code")
    refreshed = await client.refresh(tokens.refresh_token)
    check_id_token(refreshed, stage.issuer, "refresh")


@pytest.mark.parametrize("kind", KINDS)
async def test_T16_tokens_are_good_for_the_same_things_as_without_hookpoint(
    conversations: dict[str, Conversation], alone: OpenIdClient, client: OpenIdClient, kind: str
) -> None:
    if kind not in conversations:
        conversations[kind] = await converse(alone, KINDS[kind])
    without, through = conversations[kind], await converse(client, KINDS[kind])
    table = {step: (without[step], _without_more(through[step], without[step])) for step in without}
    assert {step: pair for step, pair in table.items() if pair[0] != pair[1]} == {}
    assert through["introspection"].get("active") == without["introspection"].get("active")
    if kind != "jwt":
        assert through["introspection"][TIER]["kind"] == "refresh"


@pytest.mark.parametrize("kind", KINDS)
async def test_T18_a_forged_token_is_inactive(client: OpenIdClient, kind: str) -> None:
    tokens = await client.sign_in(scope=SCOPE, **KINDS[kind])
    assert await client.introspect(_broken(tokens)) == {"active": False}


async def converse(client: OpenIdClient, parameters: Mapping[str, str]) -> Conversation:
    """Do everything that can be done with a user's tokens and return what came of each step."""
    first = await client.sign_in(scope=SCOPE, **parameters)
    tokens = await client.refresh(first.refresh_token)
    hint, exchange = str(tokens.answer["id_token"]), {"subject_token_type": ACCESS_TOKEN, "resource": RS256_RESOURCE}
    steps: list[tuple[str, Awaitable[Mapping[str, Any]]]] = [
        ("user info", client.user_info(tokens.access_token, "alice")),
        ("user info for somebody else", client.user_info(tokens.access_token, "bob")),
        ("introspection", client.introspect(tokens.access_token)),
        ("introspection of the older token", client.introspect(first.access_token)),
        ("exchange", _answer(client.exchange(subject_token=tokens.access_token, scope="api:read", **exchange))),
        ("exchange of a broken token", _answer(client.exchange(subject_token=_broken(tokens), **exchange))),
        ("logout", _status(client, id_token_hint=hint)),
        ("logout with a broken hint", _status(client, id_token_hint=hint[:-8] + "AAAAAAAA")),
        ("revocation", client.revoke(tokens.access_token)),
        ("introspection after revocation", client.introspect(tokens.access_token)),
        ("user info after revocation", client.user_info(tokens.access_token, "alice")),
        ("exchange after revocation", _answer(client.exchange(subject_token=tokens.access_token, **exchange))),
        ("revocation again", client.revoke(tokens.access_token)),
        ("revocation of the refresh token", client.revoke(tokens.refresh_token)),
        ("refresh after that", _answer(client.refresh(tokens.refresh_token))),
    ]
    return {step: await _told(answer) for step, answer in steps}


async def _told(answer: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        said = await answer
    except RefusedError as refused:
        return {"error": refused.error, "status": refused.status}
    return {name: value for name, value in said.items() if name not in VARYING}


async def _answer(tokens: Awaitable[Tokens]) -> Mapping[str, Any]:
    return dict((await tokens).answer)


async def _status(client: OpenIdClient, **parameters: str) -> Mapping[str, Any]:
    async with open_http(client.headers) as http:
        return {"answered": (await http.get(await client.end_session_url(**parameters))).status_code}


def _broken(tokens: Tokens) -> str:
    return tokens.access_token[:-8] + "AAAAAAAA"


def _without_more(told: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in told.items() if name in other or name not in OF_A_JWT}
