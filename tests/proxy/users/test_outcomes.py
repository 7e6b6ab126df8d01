"""What becomes of an event when the server, its answer or the store fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from hookpoint.hooks import (
    Chain,
    PreUserRegistration,
    Registry,
    Request,
    UserChanges,
    hooks_of_functions,
    post_user_registration,
    pre_user_registration,
)
from hookpoint.hooks.events import PostUserRegistration
from hookpoint.proxy.config import Settings
from hookpoint.proxy.dialects import load_dialect
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.store import StoreUnavailable
from hookpoint.proxy.users.deliveries import Announced
from hookpoint.proxy.users.site import UserParts, user_flows, user_routes

BODY = b'{"email":"jo@example.com","password":"pw"}'


@post_user_registration
def welcome(event: PostUserRegistration) -> None: ...


class Records:
    """An outbox that notes what it is told; `failing` are the methods that the store fails at, and how often."""

    def __init__(self, failing: Mapping[str, int] | None = None) -> None:
        self.notes: list[tuple[str, str]] = []
        self._failing = dict(failing or {})

    async def intend(self, event: Announced, *, subject: str, lookup: Mapping[str, str]) -> None:
        self._fail("intend")
        self.notes.append(("intend", f"{subject} {lookup['route']}"))

    async def settle(self, event: Announced) -> None:
        self._fail("settle")
        self.notes.append(("settle", event.user.id))

    async def withdraw(self, event_id: str) -> None:
        self._fail("withdraw")
        self.notes.append(("withdraw", event_id))

    def _fail(self, name: str) -> None:
        if self._failing.get(name, 0):
            self._failing[name] -= 1
            raise StoreUnavailable("the database is away")


class Server:
    """An application that answers a sign-up as it is told; `calls` counts them."""

    def __init__(self, status: int, body: bytes, *, failure: str = "", breaks: bool = False) -> None:
        self._start: Message = {"type": "http.response.start", "status": status, "headers": []}
        if failure:
            self._start["hookpoint.failure"] = failure
        self._body = body
        self._breaks = breaks
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        await send(self._start)
        if self._breaks:
            raise ConnectionError("the server is gone")
        await send({"type": "http.response.body", "body": self._body})


async def sign_up(server: Server, outbox: Records, *hooks: Any) -> tuple[int, str]:
    """Send one sign-up through the flow; returns the status and the outcome."""
    dialect = load_dialect("auth0")
    chain = Chain(Registry(hooks_of_functions([welcome, *hooks])))
    parts = UserParts(
        app=server,
        settings=Settings(),
        chain=chain,
        directory=Directory({}),
        describe=lambda scope: Request(id="r"),
        outbox=outbox,
        new_id=lambda: "e1",
    )
    flows = user_flows(parts, dialect, user_routes(dialect, chain, announces=True))
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/dbconnections/signup",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    outcome = await flows["sign_up.database"](scope, receive, send)
    return statuses[0], outcome


KEPT = ("intend", "/jo@example.com database")
WITHDRAWN = ("withdraw", "e1")


@pytest.mark.parametrize(
    ("server", "status", "outcome", "then"),
    [
        (Server(200, b'{"_id":"u1"}'), 200, "done", [("settle", "u1")]),
        (Server(400, b'{"code":"user_exists"}'), 400, "refused", [WITHDRAWN]),
        (Server(503, b""), 503, "refused", [WITHDRAWN]),
        (Server(500, b""), 500, "unknown", []),
        (Server(502, b"", failure="connect_failed"), 502, "refused", [WITHDRAWN]),
        (Server(502, b"", failure="answer_cut"), 502, "unknown", []),
        (Server(504, b"", failure="answer_timed_out"), 504, "unknown", []),
        (Server(200, b"", breaks=True), 502, "upstream_failed", []),
    ],
)
async def test_an_event_is_settled_withdrawn_or_left_to_be_resolved(
    server: Server, status: int, outcome: str, then: list[tuple[str, str]]
) -> None:
    outbox = Records()
    assert await sign_up(server, outbox) == (status, outcome)
    assert outbox.notes == [KEPT, *then]


async def test_without_the_store_the_server_is_not_asked() -> None:
    server, outbox = Server(200, b'{"_id":"u1"}'), Records({"intend": 1})
    assert await sign_up(server, outbox) == (503, "store_unavailable")
    assert (server.calls, outbox.notes) == (0, [])


async def test_a_success_that_cannot_be_recorded_is_not_told() -> None:
    outbox = Records({"settle": 100})
    assert await sign_up(Server(200, b'{"_id":"u1"}'), outbox) == (503, "half_done")
    assert outbox.notes == [KEPT]  # to be resolved


async def test_recording_is_tried_again() -> None:
    outbox = Records({"settle": 2})
    assert await sign_up(Server(200, b'{"_id":"u1"}'), outbox) == (200, "done")
    assert outbox.notes == [KEPT, ("settle", "u1")]


async def test_a_refusal_is_told_though_the_event_cannot_be_withdrawn() -> None:
    assert await sign_up(Server(400, b""), Records({"withdraw": 1})) == (400, "refused")


async def test_what_a_hook_adds_and_nobody_can_keep_stops_the_sign_up() -> None:
    @pre_user_registration
    def entitle(event: PreUserRegistration) -> UserChanges:
        return UserChanges(app_metadata={"roles": ["member"]})

    server, outbox = Server(200, b'{"_id":"u1"}'), Records()
    assert await sign_up(server, outbox, entitle) == (500, "hook_failed")
    assert (server.calls, outbox.notes) == (0, [])
