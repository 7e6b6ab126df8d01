"""The drill over real HTTP: two vendors, the first one in trouble; how many texts arrive, and whose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hookpoint.providers.breaker import Breaker, State
from hookpoint.providers.errors import OutcomeUnknown, Rejected, SmsError
from hookpoint.providers.router import Router
from hookpoint.providers.routes import Route
from tests.providers.recorder import Recorder, Scripted, recording
from tests.providers.test_breaker import Clock
from tests.providers.vendor_cases import MESSAGE, VENDORS, json_answer

MESSAGE_TO = replace(MESSAGE, recipient="+4915123456789")

ROUTE = Route(providers=("first", "second"))
GO_ON = replace(ROUTE, next_after_rejection=True)
SEND_AGAIN = replace(ROUTE, resend_after_unknown=True)


@pytest.fixture
async def vendors() -> AsyncIterator[tuple[Recorder, Recorder]]:
    async with recording(VENDORS["twilio"].accepted) as first, recording(VENDORS["telnyx"].accepted) as second:
        yield first, second


def router(first: Recorder, second: Recorder, *, route: Route = ROUTE, clock: Clock | None = None) -> Router:
    clock = clock or Clock()
    providers = {"first": VENDORS["twilio"].make(first.url, timeout=0.75), "second": VENDORS["telnyx"].make(second.url)}
    for name, provider in providers.items():
        provider.name = name
    return Router(
        providers,
        [route],
        new_breaker=lambda: Breaker(threshold=2, cooldown=30, clock=clock, draw=lambda: 0.0),
        deadline=10.0,
    )


REJECTING = json_answer(400, {"code": 21211, "message": "m"})

TROUBLE = [
    ("throttling", Scripted(status=429, headers={"Retry-After": "30"}), ROUTE, 1, None),
    ("unavailable", Scripted(status=503), ROUTE, 1, None),
    ("misconfigured", json_answer(401, {"code": 20003}), ROUTE, 1, None),
    ("not-this-country", json_answer(400, {"code": 21408}), ROUTE, 1, None),
    ("rejecting", REJECTING, ROUTE, 0, Rejected),
    ("rejecting-go-on", REJECTING, GO_ON, 1, None),
    ("slow", Scripted(silent=True), ROUTE, 0, OutcomeUnknown),
    ("cut", Scripted(cut=True), ROUTE, 0, OutcomeUnknown),
    ("broken", Scripted(status=500), ROUTE, 0, OutcomeUnknown),
    ("slow-but-allowed", Scripted(silent=True), SEND_AGAIN, 1, None),
]


@pytest.mark.parametrize(
    ("answer", "route", "second_sends", "error"), [case[1:] for case in TROUBLE], ids=[case[0] for case in TROUBLE]
)
async def test_the_right_one_sends(
    answer: Scripted,
    route: Route,
    second_sends: int,
    error: type[SmsError] | None,
    vendors: tuple[Recorder, Recorder],
) -> None:
    first, second = vendors
    first.default = answer
    running = router(first, second, route=route)
    try:
        if error is None:
            assert (await running.send(MESSAGE_TO)).receipt.provider == "second"
        else:
            with pytest.raises(error):
                await running.send(MESSAGE_TO)
    finally:
        await running.stop()
    assert (len(first.requests), len(second.requests)) == (1, second_sends)


async def test_down_then_up_again(vendors: tuple[Recorder, Recorder]) -> None:
    first, second = vendors
    clock = Clock()
    running = router(first, second, clock=clock)
    try:
        async with first.down():
            for _ in range(3):
                assert (await running.send(MESSAGE_TO)).receipt.provider == "second"
            assert running.states()["first"] is State.OPEN
        assert (await running.send(MESSAGE_TO)).receipt.provider == "second"
        clock.now += 30
        assert (await running.send(MESSAGE_TO)).receipt.provider == "first"
        assert running.states()["first"] is State.CLOSED
    finally:
        await running.stop()
    assert (len(first.requests), len(second.requests)) == (1, 4)
