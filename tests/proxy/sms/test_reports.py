"""What the reports of providers do to limits and budgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message as ASGIMessage

from hookpoint.hooks import Chain, Registry, Request, User
from hookpoint.providers import Message, Receipt, Status, StatusUpdate
from hookpoint.providers.receipts import reader
from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.config import validate
from hookpoint.proxy.observability import Metrics, new_registry
from hookpoint.proxy.sms.composition import PhoneMessages
from hookpoint.proxy.sms.receipts import PublicAddress, ReceiptFlow
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import DeliveryResult, Refused, Sent
from hookpoint.proxy.store import open_store
from tests.proxy.sms.stage import CODE, NUMBER, Clock

BUDGET = {"mode": "deny", "country": {"day": 1, "hour": 1}, "ip": {"day": 9, "hour": 9}}
GIVEN_BACK: list[dict[str, Any]] = [
    {"limits": [{"scope": "number", "messages": 1, "window": 3600}]},
    {"limits": [{"scope": "user", "messages": 1, "window": 86400, "calendar": True}]},
    {"limits": [], "budgets": BUDGET},
]
KEPT: list[dict[str, Any]] = [
    {"limits": [{"scope": "number", "cost": 1.0, "window": 3600}]},
    {"limits": [{"scope": "prefix", "messages": 1, "window": 3600}]},
    {"limits": [{"scope": "ip", "messages": 1, "window": 3600}]},
    {"limits": [{"scope": "country", "messages": 1, "window": 3600}]},
    {"limits": [{"scope": "all", "messages": 1, "window": 3600}]},
]


class Queueing(Memory):
    """Tells later what becomes of its messages."""

    async def send(self, message: Message) -> Receipt:
        return replace(await super().send(message), status=Status.QUEUED)


class Messages:
    """Messages to one number, and reports on them."""

    def __init__(self, messages: PhoneMessages, clock: Clock) -> None:
        self._messages = messages
        self.clock = clock

    async def send(self) -> DeliveryResult:
        asked = DeliveryRequest(recipient=NUMBER, code=CODE, request=Request(ip="203.0.113.9"), user=User(id="jo"))
        return await self._messages.deliver(asked, deadline=10)

    async def report(self, sent: DeliveryResult, status: Status) -> None:
        assert isinstance(sent, Sent)
        await self._messages.report(StatusUpdate(provider=sent.provider, id=sent.id, status=status))


@pytest.fixture
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Messages]:
    sms = {
        "providers": [{"name": "main", "type": f"{__name__}:Queueing"}],
        "prices": {"default": 1.0},
        "verified": {"secrets": ["a secret, long enough"]},
        **request.param,
    }
    clock = Clock()
    settings = validate({"sms": sms}, environ={})
    messages = PhoneMessages(settings, chain=Chain(Registry([])), metrics=Metrics(new_registry()), now=clock)
    store = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    try:
        await messages.start(store)
        yield Messages(messages, clock)
    finally:
        await messages.aclose()
        await store.aclose()


@pytest.mark.parametrize("it", GIVEN_BACK, indirect=True)
@pytest.mark.parametrize("status", [Status.UNDELIVERED, Status.FAILED, Status.EXPIRED])
async def test_what_was_not_delivered_is_given_back_once(it: Messages, status: Status) -> None:
    first = await it.send()
    assert isinstance(await it.send(), Refused)
    it.clock.now += 60
    for _ in range(2):
        await it.report(first, status)
    assert isinstance(await it.send(), Sent)
    await it.report(first, status)
    assert isinstance(await it.send(), Refused)


@pytest.mark.parametrize("it", GIVEN_BACK, indirect=True)
@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.UNKNOWN])
async def test_everything_else_counts(it: Messages, status: Status) -> None:
    first = await it.send()
    await it.report(first, status)
    assert isinstance(await it.send(), Refused)
    if status is Status.DELIVERED:  # which is its last
        await it.report(first, Status.UNDELIVERED)
        assert isinstance(await it.send(), Refused)


@pytest.mark.parametrize("it", KEPT, indirect=True)
async def test_costs_and_how_messages_were_asked_for_stay(it: Messages) -> None:
    first = await it.send()
    await it.report(first, Status.UNDELIVERED)
    assert isinstance(await it.send(), Refused)


@pytest.mark.parametrize("host", [b"login.example:99999", b"login.example:port", b"[login"])
async def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    async def report(update: StatusUpdate) -> None:
        raise AssertionError("nobody has signed it")

    async def receive() -> ASGIMessage:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: ASGIMessage) -> None:
        answers.append(message)

    answers: list[ASGIMessage] = []
    read = reader("twilio")
    assert read is not None
    address = PublicAddress(validate({}, environ={}))
    flow = ReceiptFlow("main", read, ["0123456789abcdef"], report, address=address)
    scope = {"type": "http", "method": "POST", "path": "/r", "raw_path": b"/r", "query_string": b"", "scheme": "http"}
    headers = [(b"host", host), (b"x-twilio-signature", b"x")]
    assert await flow({**scope, "headers": headers, "client": ("127.0.0.1", 1)}, receive, send) == "callback_refused"
    assert answers[0]["status"] == 403
