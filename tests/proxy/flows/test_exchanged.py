"""Re-issued tokens that are traded in at the token endpoint."""

from __future__ import annotations

import pytest

from hookpoint.proxy.flows.exchanged import ExchangedTokens
from hookpoint.proxy.vault.kinds import ACCESS, ID
from tests.proxy.flows.returning_stage import (
    NOW,
    Application,
    OwnStage,
    ask,
    http_scope,
    members_of,
    post,
    upstream_token,
)

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture
def flow(stage: OwnStage, application: Application) -> ExchangedTokens:
    return ExchangedTokens(application, stage.tokens, max_bytes=65536, timeout=5)


@pytest.mark.parametrize("kind", [ACCESS, ID])
@pytest.mark.parametrize("name", ["subject_token", "actor_token", "assertion"])
async def test_T16_the_server_gets_the_original(
    flow: ExchangedTokens, stage: OwnStage, application: Application, name: str, kind: str
) -> None:
    issued = await stage.issue(kind=kind)
    answer = await post(flow, {"grant_type": EXCHANGE, name: issued.token, "client_id": "m2m"})
    assert answer == application.answer
    assert application.form == {"grant_type": EXCHANGE, name: issued.original, "client_id": "m2m"}


async def test_both_tokens_of_an_exchange_are_swapped_in_json_too(
    flow: ExchangedTokens, stage: OwnStage, application: Application
) -> None:
    one, two = await stage.issue(), await stage.issue()
    body = f'{{"subject_token":"{one.token}", "actor_token":"{two.token}", "n":1.50}}'.encode()
    await ask(flow, http_scope("POST", "/x", b"", (b"content-type", b"application/json")), body)
    expected = f'{{"subject_token":"{one.original}", "actor_token":"{two.original}", "n":1.50}}'
    assert application.bodies == [expected.encode()]


@pytest.mark.parametrize(("name", "error"), [("subject_token", "invalid_request"), ("assertion", "invalid_grant")])
@pytest.mark.parametrize("state", ["expired", "denied", "unmapped"])
async def test_a_token_that_is_not_good_never_reaches_the_server(
    flow: ExchangedTokens, stage: OwnStage, application: Application, name: str, error: str, state: str
) -> None:
    issued = await stage.issue(exp=NOW - 1 if state == "expired" else NOW + 9)
    if state == "denied":
        await stage.vault.deny(str(issued.claims["jti"]), expires_at=NOW + 60)
    elif state == "unmapped":
        await stage.vault.remove(ACCESS, issued.token)
    answer = await post(flow, {name: issued.token})
    assert (answer.status, members_of(answer)["error"]) == (400, error)
    assert application.bodies == []


async def test_T17_the_store_down_is_said(flow: ExchangedTokens, stage: OwnStage, application: Application) -> None:
    issued = await stage.issue()
    await stage.break_store()
    assert (await post(flow, {"subject_token": issued.token})).status == 503
    assert application.bodies == []


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=client_credentials&scope=a+b&x=%7e",
        b"subject_token=" + upstream_token().encode() + b"&x=%7e",
        b"client_assertion=" + upstream_token().encode(),
    ],
)
async def test_what_is_not_ours_passes_as_it_came(flow: ExchangedTokens, application: Application, body: bytes) -> None:
    assert await post(flow, body) == application.answer
    assert application.bodies == [body]
