"""Sign-up and passwords on real servers: django-allauth headless, better-auth, FastAPI Users."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.partners.loopback import open_http
from tests.partners.running_script import RunningScript, run_answering
from tests.proxy.frameworks.spellings import Attempt, Spelling, spell, write_request
from tests.proxy.frameworks.test_path_oracle import exchange
from tests.proxy.users.live import ALLAUTH, BETTER_AUTH, FASTAPI_USERS, NEW_PASSWORD, LiveStage, Server, run_live_stage
from tests.proxy.users.stage import PASSWORD

SERVERS = (ALLAUTH, BETTER_AUTH, FASTAPI_USERS)
MESSAGE = "You cannot sign up <here>."
DENIED: dict[str, tuple[int, object]] = {
    "django-allauth": (400, {"status": 400, "errors": [{"code": "not_welcome", "message": MESSAGE}]}),
    "better-auth": (400, {"code": "not_welcome", "message": MESSAGE}),
    "fastapi-users": (400, {"detail": {"code": "not_welcome", "reason": MESSAGE}}),
}


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStage]:
    server: Server = request.param
    with run_live_stage(tmp_path_factory.mktemp(server.name), server) as running:
        yield running


async def test_a_user_signs_up_and_hooks_are_told(stage: LiveStage) -> None:
    answer = await stage.sign_up("jo@example.com")
    assert answer.status_code == (401 if stage.server is ALLAUTH else 201 if stage.server is FASTAPI_USERS else 200)
    (before,) = stage.seen.events("pre-user-registration")
    assert (before["user"]["email"], before["user"]["id"]) == ("jo@example.com", "")
    assert stage.seen.events("password")[0]["password"] == PASSWORD
    after = await stage.seen.delivered("post-user-registration")
    assert after["user"]["email"] == "jo@example.com"
    # allauth tells who the user is once the address is verified.
    assert bool(after["user"]["id"]) is (stage.server is not ALLAUTH)


async def test_a_refusal_has_the_shape_of_the_server_which_is_not_asked(stage: LiveStage) -> None:
    handled = stage.handled()
    answer = await stage.sign_up("deny@example.com")
    assert (answer.status_code, answer.json()) == DENIED[stage.server.name]
    assert stage.handled() == handled


async def test_a_refusal_of_the_server_passes_and_no_hook_is_told(stage: LiveStage) -> None:
    await stage.sign_up("twice@example.com")
    await stage.seen.delivered("post-user-registration")
    answer = await stage.sign_up("twice@example.com")
    assert answer.status_code in (400, 422)
    assert "not_welcome" not in answer.text
    await stage.sign_up("next@example.com")
    event = await stage.seen.delivered("post-user-registration")
    assert event["user"]["email"] == "next@example.com"


async def test_metadata_reaches_the_server(stage: LiveStage) -> None:
    answer = await stage.sign_up("enrich@example.com", **{stage.server.member: {"color": "red"}})
    expected = {"color": "red", "plan": "gold", "limits": {"seats": 3}}
    if stage.server is ALLAUTH:
        kept = [mail for mail in stage.partner.mails() if mail["to"] == "enrich@example.com"]
        assert kept[0]["user_metadata"] == expected
    else:
        members = answer.json()
        assert (members.get("user") or members)[stage.server.member] == expected
    event = await stage.seen.delivered("post-user-registration")
    assert event["user"]["user_metadata"] == expected


async def test_app_metadata_reaches_the_server_or_nobody_signs_up(stage: LiveStage) -> None:
    handled = stage.handled()
    answer = await stage.sign_up("entitle@example.com")
    if stage.server is FASTAPI_USERS:
        assert answer.json()["app_metadata"] == {"roles": ["member"]}
        refused = await stage.sign_up("jo2@example.com", app_metadata={"roles": ["admin"]})
        assert refused.status_code == 400
        assert stage.handled() == handled + 1
    else:
        assert answer.status_code == 500
        assert stage.handled() == handled


async def test_passwords_change_and_hooks_are_told(stage: LiveStage) -> None:
    email = "change@example.com"
    change = {ALLAUTH.name: _allauth, BETTER_AUTH.name: _better_auth, FASTAPI_USERS.name: _fastapi_users}
    user_ids = [event["user"]["id"] async for event in change[stage.server.name](stage, email)]
    assert len(user_ids) == 2
    assert user_ids[0]


async def _allauth(stage: LiveStage, email: str) -> Any:
    base = "/_allauth/app/v1"
    signed_up = (await stage.sign_up(email)).json()
    key = stage.mailed(email, "verify/")
    session = {"x-session-token": signed_up["meta"]["session_token"]}
    await stage.send("POST", f"{base}/auth/email/verify", json={"key": key}, headers=session)
    logged_in = await stage.send("POST", f"{base}/auth/login", json={"email": email, "password": PASSWORD})
    session = {"x-session-token": logged_in.json()["meta"]["session_token"]}
    stage.seen.clear()
    body = {"current_password": "wrong", "new_password": NEW_PASSWORD}
    wrong = await stage.send("POST", f"{base}/account/password/change", json=body, headers=session)
    assert wrong.status_code == 400
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    changed = await stage.send("POST", f"{base}/account/password/change", json=body, headers=session)
    assert changed.status_code == 200
    yield await stage.seen.delivered("post-change-password")
    stage.seen.clear()
    await stage.send("POST", f"{base}/auth/password/request", json={"email": email})
    key = stage.mailed(email, "reset/")
    reset = await stage.send("POST", f"{base}/auth/password/reset", json={"key": key, "password": PASSWORD})
    assert reset.status_code == 401
    yield await stage.seen.delivered("post-change-password")


async def _better_auth(stage: LiveStage, email: str) -> Any:
    base = f"{stage.url}/api/auth"
    async with open_http({"origin": stage.partner.url}) as http:
        await http.post(f"{base}/sign-up/email", json=stage.server.body(email))
        stage.seen.clear()
        body = {"currentPassword": "wrong password", "newPassword": NEW_PASSWORD}
        assert (await http.post(f"{base}/change-password", json=body)).status_code == 400
        body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        assert (await http.post(f"{base}/change-password", json=body)).status_code == 200
    yield await stage.seen.delivered("post-change-password")
    stage.seen.clear()
    await stage.send("POST", "/api/auth/request-password-reset", json={"email": email, "redirectTo": "/reset"})
    body = {"token": stage.token(email), "newPassword": PASSWORD}
    assert (await stage.send("POST", "/api/auth/reset-password", json=body)).status_code == 200
    yield await stage.seen.delivered("post-change-password")


async def _fastapi_users(stage: LiveStage, email: str) -> Any:
    await stage.sign_up(email)
    login = await stage.send("POST", "/auth/jwt/login", data={"username": email, "password": PASSWORD})
    bearer = {"authorization": f"Bearer {login.json()['access_token']}"}
    stage.seen.clear()
    renamed = await stage.send("PATCH", "/users/me", json={"email": email}, headers=bearer)
    assert renamed.status_code == 200
    changed = await stage.send("PATCH", "/users/me", json={"password": NEW_PASSWORD}, headers=bearer)
    assert changed.status_code == 200
    yield await stage.seen.delivered("post-change-password")
    stage.seen.clear()
    await stage.send("POST", "/auth/forgot-password", json={"email": email})
    body = {"token": stage.token(email), "password": PASSWORD}
    assert (await stage.send("POST", "/auth/reset-password", json={**body, "token": "bad"})).status_code == 400
    assert (await stage.send("POST", "/auth/reset-password", json=body)).status_code == 200
    event = await stage.seen.delivered("post-change-password")
    assert event["user"]["id"]
    yield event


async def test_P_no_spelling_of_a_route_reaches_its_handler_without_hooks(stage: LiveStage) -> None:
    host = stage.url.removeprefix("http://").encode()
    for path in (stage.server.sign_up, *stage.server.passwords):
        stage.seen.clear()
        before = sum(stage.partner.counts().values())
        for at, spelling in enumerate(spell(path, host=host)):
            if path != stage.server.sign_up and is_exact(spelling, path):
                continue
            body = json.dumps(stage.server.body(f"{at}@example.com")).encode()
            request = write_request(spelling, JSON_POST, host=host, body=body).replace(FORM_FIELD, b"")
            await asyncio.to_thread(exchange, int(host.rpartition(b":")[2]), request)
        handled = sum(stage.partner.counts().values()) - before
        assert len(stage.seen.events("pre-user-registration")) == handled, path
        assert (handled > 0) is (path == stage.server.sign_up)


def is_exact(spelling: Spelling, path: str) -> bool:
    """Whether a target is the path itself, with something around it that is no part of a path."""
    return re.sub(rb"(?i)^http://[^/?]*|[?#].*", b"", spelling.target).rstrip(b" ") == path.encode()


FORM_FIELD = b"Content-Type: application/x-www-form-urlencoded\r\n"
JSON_POST = Attempt(name="POST", method=b"POST", headers=((b"Content-Type", b"application/json"),))
BODIES = (
    ("application/json", '{"email":"A","email":"B","password":"P","name":"N"}'),
    ("application/json", '{"email":"A","Email":"B","password":"P","name":"N"}'),
    ("application/json", '{"email":"A","password":"P","name":"N"'),
    ("application/json", '\ufeff{"email":"A","password":"P","name":"N"}'),
    ("application/json", '[{"email":"A","password":"P","name":"N"}]'),
    ("application/json; charset=utf-7", '{"email":"A","password":"P","name":"N"}'),
    ("application/vnd.api+json", '{"email":"A","password":"P","name":"N"}'),
    ("text/plain", '{"email":"A","password":"P","name":"N"}'),
    ("", '{"email":"A","password":"P","name":"N"}'),
    ("application/x-www-form-urlencoded", "email=A&password=P&name=N"),
    ("application/x-www-form-urlencoded", "email=A&email=B&password=P&name=N"),
    ("application/x-www-form-urlencoded", "email[]=A&password=P&name=N"),
    ("multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="email"\r\n\r\nA\r\n--x--\r\n'),
)


async def test_F_no_way_to_write_a_body_reaches_the_handler_without_hooks(stage: LiveStage) -> None:
    stage.seen.clear()
    before = stage.handled()
    for at, (content_type, text) in enumerate(BODIES):
        body = text.replace('"A"', f'"f{at}@example.com"').replace("=A", f"=f{at}%40example.com")
        body = body.replace('"P"', f'"{PASSWORD}"').replace("=P", "=correct+horse+battery").replace('"N"', '"Jo"')
        headers = {"content-type": content_type} if content_type else {}
        await stage.send("POST", stage.server.sign_up, content=body.encode(), headers=headers)
    assert len(stage.seen.events("pre-user-registration")) >= stage.handled() - before
    assert (stage.handled() - before > 0) is stage.server.forms


@pytest.fixture(scope="module")
def better_auth_client() -> Iterator[RunningScript]:
    with run_answering("clients/better_auth.mjs") as script:
        yield script


async def test_better_auths_own_client_reads_a_refusal(stage: LiveStage, better_auth_client: RunningScript) -> None:
    if stage.server is not BETTER_AUTH:
        pytest.skip("for better-auth")
    ask = {"baseURL": stage.url, "headers": {"origin": stage.partner.url}, "action": "sign_up"}
    refused = await better_auth_client.ask({**ask, "body": stage.server.body("deny@example.com")})
    assert refused["data"] is None
    assert refused["error"]["status"] == 400
    assert (refused["error"]["code"], refused["error"]["message"]) == ("not_welcome", MESSAGE)
    signed_up = await better_auth_client.ask({**ask, "body": stage.server.body("client@example.com")})
    assert signed_up["error"] is None
    assert signed_up["data"]["user"]["email"] == "client@example.com"
