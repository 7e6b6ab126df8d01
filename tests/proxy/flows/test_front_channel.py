"""Authorization requests that ask for tokens, and hints that were signed again."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest

from hookpoint.proxy.flows.form_endpoint import FormLimits
from hookpoint.proxy.flows.front_channel import FrontChannel
from hookpoint.proxy.vault.kinds import ID
from tests.proxy.flows.returning_stage import (
    FORM,
    NOW,
    UPSTREAM_KEY,
    Application,
    OwnStage,
    ask,
    http_scope,
    members_of,
    upstream_token,
)
from tests.proxy.tokens.issuer import forge

Make = Callable[..., FrontChannel]


@pytest.fixture
def flow(stage: OwnStage, application: Application) -> Make:
    def make(*, blocks_tokens: bool = True) -> FrontChannel:
        return FrontChannel(
            application,
            blocks_tokens=blocks_tokens,
            tokens=stage.tokens,
            new_id=lambda _: "request-1",
            limits=FormLimits(),
        )

    return make


def request_object(response_type: object) -> str:
    return forge({"alg": "ES256"}, {"response_type": response_type}, UPSTREAM_KEY, "ES256")


ASKING = [
    "response_type=token",
    "client_id=a&response_type=id_token%20token",
    "response_type=token+id_token",
    "response_type=code%20id_token%20token",
    "response_type=TOKEN",
    "response_type=%74oken",
    "response_type=code%09token",
    "response_type=code,token",
    "response_type=code%2520token",
    "response_type=code&response_type=token",
    "Response_Type=token",
    "response_type[]=token",
    "response%5Ftype=token",
    "x=1;response_type=token",
    "response_type=code&request=" + request_object("token"),
    "request=" + request_object("code Token"),
]
NOT_ASKING = [
    "",
    "response_type=code",
    "response_type=id_token",
    "response_type=code%20id_token",
    "response_type=none",
    "response_type=code&scope=token&state=token",
    "response_type=code&request=" + request_object("code"),
    "response_type=code&request=" + request_object(["token"]),
    "response_type=code&request=eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA",
    "request_uri=urn:ietf:params:oauth:request_uri:token",
]


@pytest.mark.parametrize("parameters", ASKING)
async def test_T27_a_request_for_tokens_in_the_response_is_blocked(
    flow: Make, application: Application, parameters: str
) -> None:
    for answer in (
        await ask(flow(), http_scope("GET", "/authorize", parameters.encode())),
        await ask(flow(), http_scope("POST", "/authorize", b"", FORM), parameters.encode()),
        await ask(flow(), http_scope("POST", "/authorize", parameters.encode(), FORM), b"client_id=a"),
    ):
        assert (answer.status, members_of(answer)["error"]) == (400, "unsupported_response_type")
    assert application.scopes == []


@pytest.mark.parametrize("parameters", NOT_ASKING)
async def test_other_requests_pass_as_they_came(flow: Make, application: Application, parameters: str) -> None:
    scope = http_scope("GET", "/authorize", parameters.encode())
    assert await ask(flow(), scope) == application.answer
    assert application.scopes == [scope]
    await ask(flow(), http_scope("POST", "/authorize", b"", FORM), parameters.encode())
    assert application.bodies[-1] == parameters.encode()


async def test_nothing_is_blocked_where_the_setting_says_so(flow: Make, application: Application) -> None:
    answer = await ask(flow(blocks_tokens=False), http_scope("GET", "/authorize", b"response_type=token"))
    assert answer == application.answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"content-type", b"multipart/form-data; boundary=x")], 400),
        ([(b"content-type", b"application/json")], 400),
        ([FORM, (b"content-encoding", b"gzip")], 415),
    ],
)
async def test_T27_a_body_that_hides_a_response_type_is_refused(
    flow: Make, application: Application, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    body = b'--x\r\ncontent-disposition: form-data; name="response_type"\r\n\r\ntoken\r\n--x--'
    answer = await ask(flow(), http_scope("POST", "/par", b"", *headers), body)
    assert answer.status == status
    assert application.scopes == []


async def test_forms_of_the_servers_own_pages_pass(flow: Make, application: Application) -> None:
    body = b"login=jo&scope=a&scope=b&text=%FF\xc3\xa9;&=x&&csrf"
    assert await ask(flow(), http_scope("POST", "/authorize", b"", FORM), body) == application.answer
    assert application.bodies == [body]


@pytest.mark.parametrize("expired", [False, True])
async def test_T16_a_hint_becomes_the_original(
    flow: Make, stage: OwnStage, application: Application, expired: bool
) -> None:
    issued = await stage.issue(kind=ID, exp=NOW - 9 if expired else NOW + 9)
    query = urlencode({"state": "a b", "id_token_hint": issued.token, "x": "~"})
    expected = query.replace(issued.token, quote(issued.original)).encode()
    await ask(flow(), http_scope("GET", "/logout", query.encode()))
    assert application.scopes[-1]["query_string"] == expected
    assert application.scopes[-1]["hookpoint.target"] == b"/logout?" + expected
    await ask(flow(blocks_tokens=False), http_scope("POST", "/logout", b"", FORM), query.encode())
    assert application.bodies[-1] == expected
    assert application.header(b"content-length") == str(len(expected)).encode()


async def test_hints_that_are_not_known_are_for_the_server(
    flow: Make, stage: OwnStage, application: Application
) -> None:
    issued = await stage.issue(kind=ID)
    await stage.vault.remove(ID, issued.token)
    for hint in (issued.token, upstream_token(), "x"):
        scope = http_scope("GET", "/logout", b"id_token_hint=" + hint.encode())
        await ask(flow(), scope)
        assert application.scopes[-1] == scope


async def test_T17_a_hint_of_ours_waits_for_the_store(flow: Make, stage: OwnStage) -> None:
    issued = await stage.issue(kind=ID)
    await stage.break_store()
    answer = await ask(flow(), http_scope("GET", "/logout", b"id_token_hint=" + issued.token.encode()))
    assert answer.status == 503
