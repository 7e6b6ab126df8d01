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
class Seen:
    """What hooks have seen, in a file that they write."""

    path: Path

    def clear(self) -> None:
        """Forget it."""
        self.path.write_text("")

    def events(self, point: str) -> list[dict[str, Any]]:
        """The events of a point."""
        events = map(json.loads, self.path.read_text().splitlines())
        return [event for event in events if event["point"] == point]

    async def delivered(self, point: str) -> dict[str, Any]:
        """The one event of a point that a hook is told of after the answer."""

        async def look() -> list[dict[str, Any]]:
            return self.events(point)

        (event,) = await eventually(look, bool)
        return event


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint at `url`, the server behind it, and what hooks have seen."""

    url: str
    server: Scripted
    seen: Seen

    async def send(self, method: str, target: str, **arguments: Any) -> httpx2.Response:
        """Send a request to hookpoint, after everything before was forgotten."""
        self.server.calls.clear()
        self.seen.clear()
        async with open_http() as http:
            return await http.request(method, self.url + target, **arguments)

    def events(self, point: str) -> list[dict[str, Any]]:
        """The events of a point that hooks have seen since."""
        return self.seen.events(point)

    async def delivered(self, point: str) -> dict[str, Any]:
        """The one event of a point that a hook is told of after the answer."""
        return await self.seen.delivered(point)


@contextmanager
def run_hooked(folder: Path, upstream: str, *, dialect: str, **more: Any) -> Iterator[tuple[str, Seen]]:
    """Run hookpoint before a server; the dialect is a name, or the text of a file. Gives its URL."""
    (folder / "hooks.py").write_text(HOOKS)
    if "\n" in dialect:
        (folder / "dialect.toml").write_text(dialect)
        dialect = str(folder / "dialect.toml")
    seen = Seen(path=folder / "seen.jsonl")
    seen.clear()
    settings = {
        "upstream": {"url": upstream, "dialect": dialect, **more},
        "hooks": [{"run": str(folder / "hooks.py")}],
    }
    with run_proxy(settings) as url:
        yield url, seen


@contextmanager
def run_stage(folder: Path, answers: dict[str, Said], *, dialect: str, **upstream: Any) -> Iterator[Stage]:
    """Run hookpoint and a scripted server."""
    server = Scripted(answers=answers)
    with run_scripted(server) as behind, run_hooked(folder, behind, dialect=dialect, **upstream) as (url, seen):
        yield Stage(url=url, server=server, seen=seen)
