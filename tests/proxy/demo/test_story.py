from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hookpoint.proxy.config import Settings
from hookpoint.proxy.demo import page
from hookpoint.proxy.demo.authorization_server import Mailbox
from hookpoint.proxy.demo.hooks import PLAN
from hookpoint.proxy.demo.inbox import Inbox
from hookpoint.proxy.demo.journal import Journal
from hookpoint.proxy.demo.replies import Reply
from hookpoint.proxy.demo.stage import Stage, open_stage
from hookpoint.proxy.demo.story import Story, Visit, check, play
from hookpoint.proxy.demo.users_story import UsersStory

CLAIMS = {
    "iss": "http://127.0.0.1:1",
    "sub": "reporting",
    "scope": "debug reports:read",
    "iat": 1,
    "exp": 2,
    "jti": "a",
}
STAGE = Stage(
    public_url="http://127.0.0.1:41111",
    upstream_url="http://127.0.0.1:42222",
    api_url="http://127.0.0.1:43333",
    inbox_url="http://127.0.0.1:44444",
    inbox=Inbox(texts=Path("texts.jsonl"), mailbox=Mailbox(), journal=Journal(path=Path("journal.txt"))),
    configuration=Path("/tmp/hookpoint-demo-abcdefgh/hookpoint.toml"),
    upstream_headers={},
)


def visit(claims: dict[str, Any], *, debug: Reply) -> Visit:
    return Visit(
        token=Reply(status=200, body={"access_token": "a.b.c", "scope": claims["scope"]}),
        whoami=Reply(status=200, body={"claims": claims}),
        reports=Reply(status=200),
        debug=debug,
    )


GOOD_USERS = UsersStory(
    refused=Reply(
        status=400, body={"code": "extensibility_error", "friendly_message": "Please sign up with another address."}
    ),
    accepted=Reply(status=200, body={"user_metadata": {"plan": "trial"}}),
    welcomed="ann@example.com has signed up",
    mail_asked=Reply(status=200),
    reset=Reply(status=200),
    warned="ann@example.com has another password",
    warnings=1,
    login=Reply(status=403, body={"error": "mfa_required"}),
    enrolled=Reply(status=200, body={"oob_code": "a"}),
    text="123456 is your code for the Example Shop.",
    token=Reply(status=200, body={"access_token": "a.b.c"}),
)
GOOD = Story(
    around=Reply(status=403, body={"error": "access_denied"}),
    plain=visit(CLAIMS, debug=Reply(status=200)),
    hooked=visit(
        {**CLAIMS, PLAN: "gold", "scope": "reports:read", "jti": "b", "iat": 2},
        debug=Reply(status=403, body={"error": "insufficient_scope"}),
    ),
    refused=Reply(status=403, body={"error": "access_denied", "error_description": "This client is suspended."}),
    users=GOOD_USERS,
)


def with_claims(story: Story, **changes: Any) -> Story:
    claims = {**story.hooked.claims, **changes}
    whoami = Reply(status=200, body={"claims": {name: value for name, value in claims.items() if value is not None}})
    return dataclasses.replace(story, hooked=dataclasses.replace(story.hooked, whoami=whoami))


def with_visit(story: Story, **changes: Reply) -> Story:
    return dataclasses.replace(story, hooked=dataclasses.replace(story.hooked, **changes))


def with_users(**changes: Any) -> Story:
    return dataclasses.replace(GOOD, users=dataclasses.replace(GOOD_USERS, **changes))


def failing(story: Story) -> list[str]:
    return [each.claim for each in check(story) if not each.holds]


def test_a_story_that_went_well_holds() -> None:
    assert failing(GOOD) == []


@pytest.mark.parametrize(
    ("story", "claim"),
    [
        (dataclasses.replace(GOOD, around=Reply(status=200, body={"access_token": "a.b.c"})), "around"),
        (with_claims(GOOD, **{PLAN: None}), "plan"),
        (with_claims(GOOD, **{PLAN: "silver"}), "plan"),
        (with_claims(GOOD, scope="debug reports:read"), "scope"),
        (with_claims(GOOD, scope=None), "scope"),
        (with_visit(GOOD, token=Reply(status=200, body={"scope": "debug reports:read"})), "scope"),
        (with_claims(GOOD, sub="somebody"), "nothing else"),
        (with_claims(GOOD, extra=1), "nothing else"),
        (with_visit(GOOD, whoami=Reply(status=401)), "verified"),
        (with_visit(GOOD, debug=Reply(status=200)), "goes by"),
        (with_visit(GOOD, reports=Reply(status=403)), "goes by"),
        (dataclasses.replace(GOOD, refused=Reply(status=500, body={"error": "server_error"})), "refuses the suspended"),
        (
            dataclasses.replace(GOOD, refused=Reply(status=403, body={"error": "invalid_client"})),
            "refuses the suspended",
        ),
        (with_users(refused=Reply(status=200, body={"_id": "1"})), "throw-away"),
        (with_users(refused=Reply(status=400, body={"code": "invalid_signup"})), "throw-away"),
        (with_users(accepted=Reply(status=200, body={"_id": "1"})), "trial"),
        (with_users(welcomed=""), "hears of the new user"),
        (with_users(warned="", warnings=0), "hears of the changed password"),
        (with_users(warnings=2), "hears of the changed password"),
        (with_users(reset=Reply(status=400)), "hears of the changed password"),
        (with_users(login=Reply(status=200, body={"access_token": "a.b.c"})), "SMS gateway"),
        (with_users(text="123456 is your verification code."), "SMS gateway"),
        (with_users(token=Reply(status=403, body={"error": "invalid_grant"})), "with the code"),
    ],
)
def test_a_story_that_went_otherwise_does_not_hold(story: Story, claim: str) -> None:
    assert any(claim in each for each in failing(story))


def forward_to(create_headers: Callable[[Settings], dict[str, str]]) -> Callable[[Settings], Starlette]:
    """A front that hands everything on and knows no hooks."""

    def create_front(settings: Settings) -> Starlette:
        async def forward(request: Request) -> Response:
            headers = {**request.headers, **create_headers(settings)}
            url = f"{settings.upstream.url}{request.url.path}"
            async with httpx2.AsyncClient(trust_env=False) as http:
                answer = await http.request(request.method, url, content=await request.body(), headers=headers)
            return Response(answer.content, answer.status_code, media_type=answer.headers["content-type"])

        return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])

    return create_front


def secret_of(settings: Settings) -> dict[str, str]:
    header = settings.upstream.secret_header
    assert header is not None
    return {header.name: header.value.get_secret_value()}


async def test_without_hooks_the_story_does_not_hold() -> None:
    async with open_stage(forward_to(secret_of)) as stage:
        story = await play(stage, patience=0.0)
    assert failing(story) == [
        "a hook adds the claim of the client's plan",
        "a hook drops the scope debug, in token and answer",
        "nothing else of the token changes",
        "the API goes by what hooks decided",
        "a hook refuses the suspended client",
        "a hook refuses to sign a throw-away address up, in the words of Auth0",
        "a hook starts a trial for who signs up",
        "a hook hears of the new user, after the answer",
        "a hook hears of the changed password, and not of the mail that was asked for",
        "the OAuth server's code comes by hookpoint's SMS gateway, in a hook's words",
        "with the code there is a token",
    ]


async def test_without_the_secret_header_there_is_no_story() -> None:
    async with open_stage(forward_to(lambda settings: {})) as stage:
        story = await play(stage, patience=0.0)
    assert "both tokens are verified by the API with the published keys" in failing(story)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_page_fits_and_marks_what_hooks_changed(terminal: bool) -> None:
    console = Console(file=io.StringIO(), width=page.WIDTH, force_terminal=terminal, color_system=None)
    for part in [page.opening(STAGE), *page.scenes(GOOD), page.verdict(list(check(GOOD)))]:
        console.print(part)
    console.print(page.closing(STAGE), soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert all(len(line) <= page.WIDTH for line in text.splitlines())
    assert f"+   {PLAN}" in text
    assert "~   scope" in text
    assert "This client is suspended." in text
    assert "Please sign up with another address." in text
    assert "plan=trial, which a hook has added" in text
    assert "in the inbox: 123456 is your code for the Example Shop." in text
    assert all(f"  {line}" in text for line in page.commands(STAGE).splitlines())


def test_what_does_not_hold_is_named_with_what_was_seen() -> None:
    console = Console(file=io.StringIO(), width=page.WIDTH)
    console.print(page.verdict(list(check(dataclasses.replace(GOOD, refused=Reply(status=500))))))
    assert isinstance(console.file, io.StringIO)
    assert "✗ a hook refuses the suspended client: seen 500" in console.file.getvalue()
