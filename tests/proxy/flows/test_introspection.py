"""Introspection of tokens that hookpoint issued, or that its hooks had a say in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hookpoint.proxy.answers import Answer
from hookpoint.proxy.flows.form_endpoint import FormEndpoint, FormLimits, Upstream
from hookpoint.proxy.flows.introspection import Introspection
from hookpoint.proxy.tokens.own_tokens import OwnTokens, handle_of
from hookpoint.proxy.vault.kinds import ACCESS
from tests.proxy.flows.returning_stage import (
    NOW,
    Application,
    OwnStage,
    ask,
    http_scope,
    json_answer,
    members_of,
    post,
    upstream_token,
)

PLAN = "https://example.com/plan"
ACTIVE = {"active": True, "scope": "read write", "exp": NOW + 3600, "username": "jo", "sub": "user-1"}


@pytest.fixture
def flow(stage: OwnStage, application: Application) -> FormEndpoint:
    application.answer = json_answer(ACTIVE)
    respond = Introspection(Upstream(application), stage.tokens, clock=stage.clock)
    return FormEndpoint(application, respond, new_id=lambda _: "request-1", limits=FormLimits(), json_allowed=True)


async def test_T16_the_server_is_asked_about_the_original_and_the_answer_speaks_of_ours(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue(scope="read", exp=NOW + 60, claims={PLAN: "gold"})
    answer = await post(flow, {"token_type_hint": "access_token", "token": issued.token, "extra": "a b&c"})
    assert members_of(answer) == ACTIVE | {PLAN: "gold", "scope": "read", "exp": NOW + 60}
    assert application.form == {"token_type_hint": "access_token", "token": issued.original, "extra": "a b&c"}
    assert application.header(b"content-length") == str(len(application.bodies[0])).encode()
    assert int(dict(answer.headers)[b"content-length"]) == len(answer.body)


async def test_other_parameters_keep_their_bytes(flow: FormEndpoint, stage: OwnStage, application: Application) -> None:
    issued = await stage.issue()
    await post(flow, b"a=%7e+x&&token=" + issued.token.encode() + b"&b=%C3%a9")
    assert application.bodies == [b"a=%7e+x&&token=" + issued.original.encode() + b"&b=%C3%a9"]


async def test_a_json_body_keeps_its_other_members(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue()
    body = f'{{ "n": 1.0, "token": "{issued.token}" }}'.encode()
    await ask(flow, http_scope("POST", "/x", b"", (b"content-type", b"application/json")), body)
    assert application.bodies == [f'{{ "n": 1.0, "token": "{issued.original}" }}'.encode()]


async def test_claims_that_hooks_removed_and_scopes_that_are_gone_are_left_out(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    application.answer = json_answer(ACTIVE | {"email": "jo@example.com"})
    issued = await stage.issue(original=upstream_token(email="jo@example.com"), scope=None)
    members = members_of(await post(flow, {"token": issued.token}))
    assert "email" not in members
    assert "scope" not in members


async def test_the_scope_keeps_the_form_that_the_server_uses(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    application.answer = json_answer({"active": True, "scp": ["read", "write"]})
    issued = await stage.issue(scope="read")
    assert members_of(await post(flow, {"token": issued.token})) | {"jti": ""} == {
        "active": True,
        "scp": ["read"],
        "jti": "",
    }


async def test_no_claim_takes_the_place_of_liveness(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue(active=False, token_type="mac")
    assert members_of(await post(flow, {"token": issued.token}))["active"] is True
    application.answer = json_answer({"active": False})
    issued = await stage.issue(active=True)
    answer = await post(flow, {"token": issued.token})
    assert answer.body == application.answer.body


async def test_T19_a_jwt_in_the_place_of_an_opaque_token_says_all_of_it(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue(original="opaque-handle-0123", claims={PLAN: "gold"})
    members = members_of(await post(flow, {"token": issued.token}))
    assert application.form["token"] == "opaque-handle-0123"
    assert members == ACTIVE | dict(issued.claims)


@pytest.mark.parametrize("state", ["expired", "denied", "unmapped", "forged"])
async def test_a_dead_token_is_inactive_once_the_caller_is_known(
    flow: FormEndpoint, stage: OwnStage, application: Application, state: str
) -> None:
    token = await _dead_token(stage, state)
    answer = await post(flow, {"token": token})
    assert (answer.status, members_of(answer)) == (200, {"active": False})
    application.answer = json_answer({"error": "invalid_client"}, 401, (b"www-authenticate", b"Basic"))
    refused = await post(flow, {"token": token})
    assert (refused.status, refused.body) == (401, application.answer.body)


async def test_T19_where_tokens_are_opaque_a_dead_one_is_no_jwt_to_the_server(
    stage: OwnStage, application: Application
) -> None:
    respond = Introspection(Upstream(application), stage.tokens, stands_in=handle_of)
    flow = FormEndpoint(application, respond, new_id=lambda _: "request-1", limits=FormLimits())
    token = await _dead_token(stage, "unmapped")
    assert members_of(await post(flow, {"token": token})) == {"active": False}
    assert application.form["token"] == token.split(".")[2]


async def _dead_token(stage: OwnStage, state: str) -> str:
    issued = await stage.issue(exp=NOW - 1 if state == "expired" else NOW + 60)
    if state == "denied":
        await stage.vault.deny(str(issued.claims["jti"]), expires_at=NOW + 60)
    elif state == "unmapped":
        await stage.vault.remove(ACCESS, issued.token)
    elif state == "forged":
        return issued.token[:-6] + ("AAAAAA" if not issued.token.endswith("AAAAAA") else "BBBBBB")
    return issued.token


async def test_T18_what_is_revoked_at_the_server_is_inactive_here(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue()
    application.answer = json_answer({"active": False})
    assert members_of(await post(flow, {"token": issued.token})) == {"active": False}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=200, headers=[(b"content-type", b"application/token-introspection+jwt")], body=b"eyJ.eyJ.x"),
        Answer(status=200, headers=[(b"content-type", b"application/json")], body=b"[true]"),
        Answer(status=200, headers=[(b"content-type", b"application/json")], body=b'{"active":true,"active":false}'),
        json_answer(ACTIVE, 200, (b"content-encoding", b"br")),
    ],
)
async def test_an_answer_that_cannot_be_brought_in_line_is_an_error(
    flow: FormEndpoint, stage: OwnStage, application: Application, answer: Answer
) -> None:
    application.answer = answer
    issued = await stage.issue()
    got = await post(flow, {"token": issued.token}, (b"accept", b"application/token-introspection+jwt"))
    assert (got.status, members_of(got)["error"]) == (502, "server_error")
    assert application.header(b"accept") == b"application/json"


async def test_T17_the_store_down_is_said_and_nothing_is_asked(
    flow: FormEndpoint, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue()
    await stage.tokens.find(issued.token)
    await stage.break_store()
    answer = await post(flow, {"token": issued.token})
    assert (answer.status, members_of(answer)["error"]) == (503, "temporarily_unavailable")
    assert application.bodies == []


@pytest.mark.parametrize("token", [upstream_token(), "opaque-handle", "eyJhbGciOiJub25lIn0.e30."])
async def test_questions_about_other_tokens_pass_as_they_came(
    flow: FormEndpoint, application: Application, token: str
) -> None:
    body = b"x=%7E&token=" + token.encode()
    answer = await post(flow, body, (b"accept", b"application/token-introspection+jwt"))
    assert answer == application.answer
    assert application.bodies == [body]
    assert application.header(b"accept") == b"application/token-introspection+jwt"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"claims": {PLAN: "gold"}}, {PLAN: "gold"}),
        ({"scope": ["read"]}, {"scope": "read"}),
        ({"remove": ["username", "active"]}, {"username": None}),
        ({"claims": {"active": False}}, {}),
        ({"exp": NOW + 10}, {"exp": NOW + 10}),
    ],
)
async def test_T19_what_hooks_made_of_an_opaque_token_is_told(
    flow: FormEndpoint, stage: OwnStage, record: dict[str, Any], expected: dict[str, Any]
) -> None:
    await stage.remember("opaque-handle", **record)
    members = {name: value for name, value in (ACTIVE | expected).items() if value is not None}
    assert members_of(await post(flow, {"token": "opaque-handle"})) == members


async def test_an_opaque_token_whose_life_a_hook_shortened_ends(flow: FormEndpoint, stage: OwnStage) -> None:
    await stage.remember("opaque-handle", exp=NOW + 10)
    stage.clock.now += 11
    assert members_of(await post(flow, {"token": "opaque-handle"})) == {"active": False}


@pytest.mark.parametrize("body", [b"token=%zz", b"token=a&token=b", b"token[]=a"])
async def test_a_request_that_can_be_read_in_two_ways_is_refused(
    flow: FormEndpoint, application: Application, body: bytes
) -> None:
    answer = await post(flow, body)
    assert (answer.status, members_of(answer)["error"]) == (400, "invalid_request")
    assert application.bodies == []


async def test_a_request_without_a_token_and_other_methods_are_the_servers(
    flow: FormEndpoint, application: Application
) -> None:
    await post(flow, b"token_type_hint=access_token")
    await ask(flow, http_scope("OPTIONS", "/x"))
    assert application.bodies == [b"token_type_hint=access_token", b""]


async def test_a_hook_that_changed_nothing_changes_nothing(
    stage: OwnStage, flow: FormEndpoint, application: Application
) -> None:
    application.answer = json_answer(ACTIVE)
    jti = "jti-1"
    issued = await stage.issue(jti=jti, original=upstream_token(jti=jti))
    answer = await post(flow, {"token": issued.token})
    assert json.loads(answer.body) == ACTIVE
    assert isinstance(stage.tokens, OwnTokens)
