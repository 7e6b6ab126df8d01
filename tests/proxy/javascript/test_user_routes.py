"""Auth0 Hooks and Actions where users sign up and where codes are sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.partners.loopback import open_http
from tests.partners.node import require_node
from tests.proxy.e2e.serving import run_proxy
from tests.proxy.javascript.scripts import PHONE_HOOK, SIGN_UP_ACTION, SIGN_UP_HOOK
from tests.proxy.users.scripted import Said, Scripted, run_scripted

SIGN_UP = "/dbconnections/signup"
GATEWAY = "/hookpoint/sms/auth0"
SECRET = "a secret of the gateway"


@pytest.fixture(scope="module")
def server() -> Scripted:
    return Scripted(answers={f"POST {SIGN_UP}": Said(body={"_id": "58457fe6b27", "email": "jo@example.com"})})


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, server: Scripted) -> Iterator[str]:
    require_node()
    folder: Path = tmp_path_factory.mktemp("users")
    hooks: list[dict[str, Any]] = [
        {"run": "signup.js", "trigger": "pre-user-registration"},
        {"run": "action.js"},
        {"run": "phone.js", "trigger": "send-phone-message"},
    ]
    for hook, text in zip(hooks, (SIGN_UP_HOOK, SIGN_UP_ACTION, PHONE_HOOK), strict=True):
        (folder / hook["run"]).write_text(text)
        hook["run"] = str(folder / hook["run"])
    with run_scripted(server) as behind:
        settings = {
            "upstream": {"url": behind, "dialect": "auth0"},
            "limits": {"hook_timeout": 20.0, "hooks_timeout": 25.0},
            "hooks": hooks,
            "sms": {"gateway": [{"format": "auth0", "path": GATEWAY, "secrets": [SECRET]}]},
        }
        with run_proxy(settings) as running:
            yield running


async def sign_up(url: str, email: str) -> httpx2.Response:
    body = {"client_id": "app", "connection": "users", "email": email, "password": "correct horse"}
    async with open_http() as http:
        return await http.post(url + SIGN_UP, json=body)


async def test_a_sign_up_takes_the_metadata_of_both_generations(url: str, server: Scripted) -> None:
    server.calls.clear()
    assert (await sign_up(url, "jo@example.com")).status_code == 200
    assert server.calls[0].members["user_metadata"] == {
        "length": 13,
        "connection": "users",
        "from": "127.0.0.1",
        "password": True,
    }


@pytest.mark.parametrize(
    ("email", "reason", "message"),
    [
        ("deny@example.com", "Denied deny@example.com", "You cannot sign up."),
        ("plain@example.com", "plain", "plain"),
        ("action@example.com", "By an action", "Not you."),
    ],
)
async def test_a_denied_sign_up_has_auth0s_body(
    url: str, server: Scripted, email: str, reason: str, message: str
) -> None:
    server.calls.clear()
    answer = await sign_up(url, email)
    expected = {
        "name": "InternalExtensibilityError",
        "statusCode": 400,
        "code": "extensibility_error",
        "message": reason,
        "friendly_message": message,
        "description": reason,
        "fromSandbox": True,
    }
    assert answer.status_code == 400
    assert answer.json() == expected
    assert server.calls == []


async def test_a_sign_up_hook_that_throws_lets_nobody_in(url: str, server: Scripted) -> None:
    server.calls.clear()
    answer = await sign_up(url, "throw@example.com")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert server.calls == []


@pytest.mark.parametrize(
    ("recipient", "status", "said"),
    [
        ("+4915112345670", "success", None),
        ("+4915112345678", "error", None),
        ("+4915112345679", "error", "We do not send there."),
    ],
)
async def test_a_hook_delivers_codes(url: str, recipient: str, status: str, said: str | None) -> None:
    context = {"message_type": "sms", "action": "enrollment", "language": "en", "code": "123456", "ip": "203.0.113.7"}
    body = {
        "recipient": recipient,
        "text": "Your code is 123456",
        "context": {**context, "user_agent": "x", "user": {"user_id": "1"}},
    }
    async with open_http() as http:
        answer = await http.post(url + GATEWAY, json=body, headers={"authorization": f"Bearer {SECRET}"})
    assert answer.json()["status"] == status, answer.text
    if said is not None:
        assert answer.json()["data"]["message"] == said
    assert "vendor" not in answer.text
