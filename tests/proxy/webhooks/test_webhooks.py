"""Webhooks in, over a socket: each format, before and without the server behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hookpoint.proxy.config import ConfigurationError, validate
from tests.partners.loopback import open_http
from tests.proxy.e2e.product import eventually
from tests.proxy.e2e.serving import run_proxy
from tests.proxy.webhooks.senders import NEW_KEY, OLD_KEY, OTHER_KEY, SENDERS, Sender

HOOKS = """
import json
from pathlib import Path

from hookpoint.hooks import PostChangePassword, PostUserRegistration, post_change_password, post_user_registration
from hookpoint.hooks.wire import event_to_json


@post_user_registration
@post_change_password
def note(event: PostUserRegistration | PostChangePassword) -> None:
    with Path(__file__).with_name("seen.jsonl").open("a") as seen:
        print(json.dumps({"kind": type(event).__name__, **event_to_json(event)}), file=seen)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    url: str
    seen: Path

    async def send(
        self, sender: Sender, members: Mapping[str, Any], *, secret: str = NEW_KEY, method: str = "POST", **headers: str
    ) -> httpx2.Response:
        body, signed = sender.request(members, sender.secret_of(secret))
        async with open_http() as http:
            url = f"{self.url}/hookpoint/webhooks/{sender.name}"
            return await http.request(method, url, content=body, headers={**signed, **headers})

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.seen.read_text().splitlines()]

    async def events_within(self, count: int) -> list[dict[str, Any]]:
        async def ask() -> list[dict[str, Any]]:
            return self.events()

        return await eventually(ask, lambda events: len(events) >= count, seconds=30.0)


@pytest.fixture(params=SENDERS, ids=lambda sender: sender.name)
def sender(request: pytest.FixtureRequest) -> Sender:
    chosen: Sender = request.param
    return chosen


@pytest.fixture
def stage(tmp_path: Path, sender: Sender) -> Iterator[Stage]:
    """hookpoint with one route, in front of a server that is not there."""
    (tmp_path / "hooks.py").write_text(HOOKS)
    seen = tmp_path / "seen.jsonl"
    seen.touch()
    settings = {
        "upstream": {"url": "http://127.0.0.1:9"},
        "hooks": [{"run": str(tmp_path / "hooks.py")}],
        "webhooks": [{"format": sender.name, "secrets": [sender.secret_of(NEW_KEY), sender.secret_of(OLD_KEY)]}],
    }
    with run_proxy(settings) as url:
        yield Stage(url=url, seen=seen)


async def test_a_sign_up_and_a_changed_password_reach_the_hooks_once_each(stage: Stage, sender: Sender) -> None:
    for _ in range(2):  # the second time it is signed anew, as every attempt is
        answer = await stage.send(sender, sender.registered)
        assert (answer.status_code, answer.json()) == (200, {})
    told = 1
    if sender.changed is not None:
        for secret in (OLD_KEY, NEW_KEY):
            assert (await stage.send(sender, sender.changed, secret=secret)).status_code == 200
        told = 2
    events = await stage.events_within(told)
    assert [event["kind"] for event in events] == ["PostUserRegistration", "PostChangePassword"][:told]
    for event in events:
        expected = (
            sender.expected if event["kind"] == "PostUserRegistration" else {"id": "u1", "email": "ada@example.com"}
        )
        assert event["user"].items() >= expected.items()
    # What else happens is none of ours, and what is not signed as it should be is refused.
    assert (await stage.send(sender, sender.other)).status_code == 200
    body, headers = sender.request(sender.registered, sender.secret_of(OTHER_KEY))
    async with open_http() as http:
        url = f"{stage.url}/hookpoint/webhooks/{sender.name}"
        assert (await http.post(url, content=body, headers=headers)).status_code == 401
        assert (await http.post(url, content=b"{}", headers={"content-type": "application/json"})).status_code == 401
        _, honest = sender.request(sender.registered, sender.secret_of(NEW_KEY))
        changed = await http.post(url, content=body.replace(b"u1", b"u2"), headers=honest)
        assert changed.status_code == (200 if sender.name == "kratos" else 401)  # Kratos does not sign
        assert (await http.get(url)).status_code == 405
        assert (await http.post(url, content=body, headers={**honest, "content-type": "text/plain"})).status_code == 415
    later = await stage.events_within(told + (sender.name == "kratos"))
    assert len(later) == told + (sender.name == "kratos")


@pytest.mark.parametrize("sender", [SENDERS[0], SENDERS[2]], indirect=True, ids=lambda sender: sender.name)
async def test_a_call_that_was_recorded_is_good_for_five_minutes(stage: Stage, sender: Sender) -> None:
    body, headers = sender.request(sender.registered, sender.secret_of(NEW_KEY))
    old = str(int(time.time()) - 400)
    headers = {name: value.replace(str(int(time.time())), old) for name, value in headers.items()}
    async with open_http() as http:
        answer = await http.post(f"{stage.url}/hookpoint/webhooks/{sender.name}", content=body, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("sender", [SENDERS[1]], indirect=True, ids=lambda sender: sender.name)
async def test_a_body_that_is_not_what_the_format_sends_is_refused(stage: Stage, sender: Sender) -> None:
    answer = await stage.send(sender, {"event": "registration", "identity": {"traits": {}}})
    assert answer.status_code == 400
    assert "identity.id is missing" in answer.text


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ({"format": "logto", "secrets": ["short"]}, "less than 16 characters"),
        ({"format": "supabase", "secrets": ["no base64, whatever it is"]}, "base64"),
        ({"format": "logto", "secrets": []}, "must not be empty"),
        ({"format": "auth0", "secrets": ["0123456789abcdef"]}, "supabase"),
        ({"format": "logto", "secrets": ["0123456789abcdef"], "path": "no/slash"}, "/hookpoint/NAME"),
    ],
)
def test_a_route_that_cannot_be_served_is_a_problem(webhook: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate({"webhooks": [webhook]}, environ={})
    assert said in str([(problem.reason, problem.remedy) for problem in caught.value.problems])


def test_two_routes_have_two_paths() -> None:
    webhook = {"format": "logto", "secrets": ["0123456789abcdef"]}
    with pytest.raises(ConfigurationError) as caught:
        validate({"webhooks": [webhook, webhook]}, environ={})
    assert "another route's already" in str([problem.reason for problem in caught.value.problems])
