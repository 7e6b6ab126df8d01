"""hookpoint in front of a scripted server, with hooks that do what the e-mail address or the name of a user says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.partners.loopback import open_http
from tests.proxy.e2e.product import eventually
from tests.proxy.e2e.serving import run_proxy
from tests.proxy.users.scripted import Said, Scripted, run_scripted

# `deny@` is refused, `crash@` fails, `enrich@` gets user metadata, `entitle@` app metadata; what hooks saw is written to a file.
HOOKS = """
import json
from pathlib import Path

from hookpoint.hooks import (
    Deny,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    UserChanges,
    post_change_password,
    post_user_registration,
    pre_user_registration,
)
from hookpoint.hooks.wire import event_to_json


def note(point, event):
    with Path(__file__).with_name("seen.jsonl").open("a") as seen:
        print(json.dumps({"point": point, **event_to_json(event)}), file=seen)


@pre_user_registration
def decide(event: PreUserRegistration) -> UserChanges | None:
    note("pre-user-registration", event)
    who = (event.user.email or event.user.username or event.user.phone_number).partition("@")[0]
    if who == "deny":
        raise Deny("not_welcome", "The domain is on the list.", "You cannot sign up <here>.")
    if who == "crash":
        raise RuntimeError("a secret of the inside")
    if who == "enrich":
        return UserChanges(user_metadata={"plan": "gold", "limits": {"seats": 3}})
    if who == "entitle":
        return UserChanges(app_metadata={"roles": ["member"]})
    return None


@pre_user_registration(needs_password=True)
def check_password(event: PreUserRegistration) -> None:
    note("password", event)


@post_user_registration
def welcome(event: PostUserRegistration) -> None:
    note("post-user-registration", event)


@post_change_password
def warn(event: PostChangePassword) -> None:
    note("post-change-password", event)
"""
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint at `url`, the server behind it, and what hooks have seen."""

    url: str
    server: Scripted
    seen: Path

    async def send(self, method: str, target: str, **arguments: Any) -> httpx2.Response:
        """Send a request to hookpoint, after everything before was forgotten."""
        self.server.calls.clear()
        self.seen.write_text("")
        async with open_http() as http:
            return await http.request(method, self.url + target, **arguments)

    async def delivered(self, point: str) -> dict[str, Any]:
        """The one event of a point that a hook is told of after the answer."""

        async def look() -> list[dict[str, Any]]:
            return self.events(point)

        (event,) = await eventually(look, bool)
        return event

    def events(self, point: str) -> list[dict[str, Any]]:
        """The events of a point that hooks have seen since."""
        events = map(json.loads, self.seen.read_text().splitlines())
        return [event for event in events if event["point"] == point]


@contextmanager
def run_stage(folder: Path, answers: dict[str, Said], *, dialect: str, **upstream: Any) -> Iterator[Stage]:
    """Run both; the dialect is a name, or the text of a file."""
    (folder / "hooks.py").write_text(HOOKS)
    if "\n" in dialect:
        (folder / "dialect.toml").write_text(dialect)
        dialect = str(folder / "dialect.toml")
    server = Scripted(answers=answers)
    with run_scripted(server) as behind:
        settings = {
            "upstream": {"url": behind, "dialect": dialect, **upstream},
            "hooks": [{"run": str(folder / "hooks.py")}],
        }
        with run_proxy(settings) as url:
            yield Stage(url=url, server=server, seen=folder / "seen.jsonl")
