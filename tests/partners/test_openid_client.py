"""openid-client and oidc-provider alone: sign-in, refresh, exchange, and what is done with tokens afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.partners.loopback import open_http
from tests.partners.oidc_provider import LOGIN_CLIENT, OPAQUE_RESOURCE, RS256_RESOURCE, run_oidc_provider
from tests.partners.openid_client import OpenIdClient, RefusedError
from tests.partners.resource_server import read_claims, read_header

if TYPE_CHECKING:
    from tests.partners.partner import Partner
    from tests.partners.running_script import RunningScript

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def client_of(partner: Partner, script: RunningScript) -> OpenIdClient:
    return OpenIdClient(
        script=script, issuer=partner.issuer, client=partner.clients[LOGIN_CLIENT], headers=partner.headers
    )


@pytest.fixture
def client(oidc_provider: Partner, openid_client_script: RunningScript) -> OpenIdClient:
    return client_of(oidc_provider, openid_client_script)


async def test_a_user_signs_in_and_the_tokens_are_of_use(client: OpenIdClient) -> None:
    tokens = await client.sign_in(scope="openid offline_access api:read")
    assert tokens.claims is not None
    assert tokens.claims["sub"] == "alice"
    assert "at_hash" not in tokens.claims
    assert await client.user_info(tokens.access_token, "alice") == {"sub": "alice"}
    refreshed = await client.refresh(tokens.refresh_token)
    assert refreshed.claims is not None
    assert refreshed.claims["sub"] == "alice"
    assert (await client.introspect(refreshed.access_token))["active"] is True
    assert await client.revoke(refreshed.access_token) == {}
    assert await client.introspect(refreshed.access_token) == {"active": False}
    with pytest.raises(RefusedError) as refused:
        await client.user_info(refreshed.access_token, "alice")
    assert (refused.value.error, refused.value.status) == ("invalid_token", 401)


async def test_a_token_for_a_resource_is_no_use_at_the_server(client: OpenIdClient) -> None:
    tokens = await client.sign_in(scope="openid api:read", resource=RS256_RESOURCE)
    for answer, error in (
        (client.user_info(tokens.access_token, "alice"), "invalid_token"),
        (client.introspect(tokens.access_token), "unsupported_token_type"),
        (client.revoke(tokens.access_token), "unsupported_token_type"),
    ):
        with pytest.raises(RefusedError) as refused:
            await answer
        assert refused.value.error == error


@pytest.mark.parametrize("resource", [RS256_RESOURCE, OPAQUE_RESOURCE])
async def test_a_token_is_exchanged(client: OpenIdClient, resource: str) -> None:
    tokens = await client.sign_in(scope="openid api:read", resource=resource)
    wanted = {"subject_token_type": ACCESS_TOKEN, "scope": "api:read", "resource": RS256_RESOURCE}
    exchanged = await client.exchange(subject_token=tokens.access_token, **wanted)
    claims = read_claims(exchanged.access_token)
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("alice", RS256_RESOURCE, "api:read")
    with pytest.raises(RefusedError) as refused:
        await client.exchange(subject_token=tokens.access_token[:-8] + "AAAAAAAA", **wanted)
    assert refused.value.error == "invalid_request"


async def test_a_logout_knows_its_own_id_tokens(oidc_provider: Partner, client: OpenIdClient) -> None:
    tokens = await client.sign_in(scope="openid")
    hint = str(tokens.answer["id_token"])
    async with open_http(oidc_provider.headers) as http:
        known = await http.get(await client.end_session_url(id_token_hint=hint))
        unknown = await http.get(await client.end_session_url(id_token_hint=hint[:-8] + "AAAAAAAA"))
    assert (known.status_code, unknown.status_code) == (200, 400)


async def test_id_tokens_are_bound_on_demand(openid_client_script: RunningScript) -> None:
    with run_oidc_provider(binds_id_tokens=True) as partner:
        client = client_of(partner, openid_client_script)
        tokens = await client.sign_in(scope="openid offline_access")
        refreshed = await client.refresh(tokens.refresh_token)
    assert tokens.claims is not None
    assert refreshed.claims is not None
    assert tokens.claims["at_hash"] != refreshed.claims["at_hash"]
    assert read_header(str(tokens.answer["id_token"]))["alg"] == "RS256"
