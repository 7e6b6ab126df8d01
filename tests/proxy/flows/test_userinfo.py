"""User info for tokens in forms, and for opaque tokens that hooks had a say in."""

from __future__ import annotations

from typing import Any

import pytest

from hookpoint.proxy.answers import Answer
from hookpoint.proxy.flows.form_endpoint import FormLimits, Upstream
from hookpoint.proxy.flows.userinfo import UserInfo
from tests.proxy.flows.returning_stage import (
    FORM,
    NOW,
    Application,
    OwnStage,
    ask,
    http_scope,
    json_answer,
    members_of,
    upstream_token,
)

PLAN = "https://example.com/plan"
USER = {"sub": "user-1", "email": "jo@example.com"}
BEARER = (b"authorization", b"Bearer opaque-handle")


@pytest.fixture
def flow(stage: OwnStage, application: Application) -> UserInfo:
    application.answer = json_answer(USER)
    return UserInfo(
        Upstream(application), stage.tokens, new_id=lambda _: "request-1", limits=FormLimits(), clock=stage.clock
    )


async def test_T16_a_token_in_a_form_becomes_the_original(
    flow: UserInfo, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue()
    answer = await ask(flow, http_scope("POST", "/me", b"", FORM), b"access_token=" + issued.token.encode())
    assert members_of(answer) == USER
    assert application.form == {"access_token": issued.original}


async def test_a_dead_token_in_a_form_is_refused(flow: UserInfo, stage: OwnStage, application: Application) -> None:
    issued = await stage.issue(exp=NOW - 1)
    answer = await ask(flow, http_scope("POST", "/me", b"", FORM), b"access_token=" + issued.token.encode())
    assert answer.status == 401
    assert b"invalid_token" in (answer.header(b"www-authenticate") or b"")
    assert application.bodies == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_T19_claims_for_an_opaque_token_are_delivered(
    flow: UserInfo, stage: OwnStage, application: Application, method: str
) -> None:
    await stage.remember("opaque-handle", claims={PLAN: "gold", "sub": "another"}, remove=["email"], scope=["read"])
    answer = await ask(flow, http_scope(method, "/me", b"", BEARER))
    assert members_of(answer) == {"sub": "user-1", PLAN: "gold"}
    assert application.header(b"authorization") == BEARER[1]
    in_form = await ask(flow, http_scope("POST", "/me", b"", FORM), b"access_token=opaque-handle")
    assert members_of(in_form) == {"sub": "user-1", PLAN: "gold"}


async def test_an_opaque_token_whose_life_a_hook_shortened_ends(
    flow: UserInfo, stage: OwnStage, application: Application
) -> None:
    await stage.remember("opaque-handle", exp=NOW + 10)
    stage.clock.now += 11
    assert (await ask(flow, http_scope("GET", "/me", b"", BEARER))).status == 401
    assert application.bodies == []


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"error": "insufficient_scope"}, 403),
        Answer(status=200, headers=[(b"content-type", b"application/jwt")], body=b"eyJ.eyJ.x"),
        Answer(status=200, headers=[(b"content-type", b"application/json")], body=b"[]"),
    ],
)
async def test_what_is_no_list_of_claims_passes(
    flow: UserInfo, stage: OwnStage, application: Application, answer: Answer
) -> None:
    application.answer = answer
    await stage.remember("opaque-handle", claims={PLAN: "gold"})
    assert await ask(flow, http_scope("GET", "/me", b"", BEARER)) == answer


async def test_T17_the_store_down_is_said(flow: UserInfo, stage: OwnStage, application: Application) -> None:
    await stage.break_store()
    assert (await ask(flow, http_scope("GET", "/me", b"", BEARER))).status == 503
    assert application.bodies == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], b""),
        ([BEARER], b""),
        ([(b"authorization", b"Bearer " + upstream_token().encode())], b""),
        ([FORM], b"access_token=opaque-handle&x=%7e"),
        ([FORM], b"schema=openid"),
        ([(b"content-type", b"application/json")], b'{"access_token":1}'),
    ],
)
async def test_everything_else_passes_as_it_came(
    flow: UserInfo, application: Application, headers: list[Any], body: bytes
) -> None:
    assert await ask(flow, http_scope("POST", "/me", b"", *headers), body) == application.answer
    assert application.bodies == [body]
