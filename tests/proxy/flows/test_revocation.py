"""Revocation of re-issued tokens: at the server, and for ever here."""

from __future__ import annotations

import pytest

from hookpoint.proxy.answers import Answer
from hookpoint.proxy.flows.form_endpoint import FormEndpoint, FormLimits, Upstream
from hookpoint.proxy.flows.revocation import Revocation
from hookpoint.proxy.vault.kinds import ACCESS
from tests.proxy.flows.returning_stage import (
    NOW,
    Application,
    OwnStage,
    json_answer,
    members_of,
    post,
    upstream_token,
)


@pytest.fixture
def flow(stage: OwnStage, application: Application) -> FormEndpoint:
    application.answer = Answer(status=200, headers=[(b"content-length", b"0")])
    respond = Revocation(Upstream(application), stage.tokens)
    return FormEndpoint(application, respond, new_id=lambda _: "request-1", limits=FormLimits())


async def test_T16_the_original_is_revoked_and_the_token_is_dead(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue()
    answer = await post(flow, {"token": issued.token, "token_type_hint": "access_token"})
    assert answer.status == 200
    assert application.form == {"token": issued.original, "token_type_hint": "access_token"}
    assert (await stage.tokens.find(issued.token)).state == "denied"


async def test_a_token_whose_original_is_lost_is_denied_all_the_same(flow: FormEndpoint, stage: OwnStage) -> None:
    issued = await stage.issue()
    await stage.vault.remove(ACCESS, issued.token)
    assert (await post(flow, {"token": issued.token})).status == 200
    assert await stage.vault.is_denied(str(issued.claims["jti"]))


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503, 302])
async def test_a_refusal_passes_and_denies_nothing(
    flow: FormEndpoint, stage: OwnStage, application: Application, status: int
) -> None:
    application.answer = json_answer({"error": "invalid_client"}, status)
    issued = await stage.issue()
    answer = await post(flow, {"token": issued.token})
    assert (answer.status, answer.body) == (status, application.answer.body)
    assert (await stage.tokens.find(issued.token)).state == "good"


async def test_another_clients_yes_denies_nothing(flow: FormEndpoint, stage: OwnStage) -> None:
    issued = await stage.issue(client_id="somebody-else")
    assert (await post(flow, {"token": issued.token})).status == 200
    assert (await stage.tokens.find(issued.token)).state == "good"


async def test_T17_no_success_while_the_store_is_down(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue()
    await stage.break_store()
    answer = await post(flow, {"token": issued.token})
    assert (answer.status, members_of(answer)["error"]) == (503, "temporarily_unavailable")


async def test_T17_no_success_when_the_store_goes_down_meanwhile(stage: OwnStage) -> None:
    class BreaksStore(Application):
        async def __call__(self, *call: object) -> None:
            await stage.break_store()
            await Application.__call__(self, *call)  # type: ignore[arg-type]

    application = BreaksStore(Answer(status=200))
    respond = Revocation(Upstream(application), stage.tokens)
    flow = FormEndpoint(application, respond, new_id=lambda _: "request-1", limits=FormLimits())
    issued = await stage.issue()
    answer = await post(flow, {"token": issued.token})
    assert application.bodies
    assert answer.status == 503


async def test_an_expired_token_is_no_longer_worth_a_denial(flow: FormEndpoint, stage: OwnStage) -> None:
    issued = await stage.issue(exp=NOW - 10)
    assert (await post(flow, {"token": issued.token})).status == 200
    assert not await stage.vault.is_denied(str(issued.claims["jti"]))


@pytest.mark.parametrize("token", [upstream_token(), "refresh-token-1"])
async def test_other_tokens_pass_as_they_came(flow: FormEndpoint, application: Application, token: str) -> None:
    body = b"x=%7E&token=" + token.encode()
    assert await post(flow, body) == application.answer
    assert application.bodies == [body]
