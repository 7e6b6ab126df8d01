from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import structlog

from hookpoint.providers.breaker import Breaker, State
from hookpoint.providers.errors import (
    InvalidNumber,
    Misconfigured,
    NoRoute,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    SmsError,
    Throttled,
    Unavailable,
    Unsupported,
)
from hookpoint.providers.message import Message, Receipt, Status, StatusUpdate
from hookpoint.providers.provider import Capabilities, SmsProvider
from hookpoint.providers.router import Attempt, Router
from hookpoint.providers.routes import Route
from hookpoint.providers.vendors.memory import Memory
from tests.providers.test_breaker import Clock

MESSAGE = Message(recipient="+4915123456789", text="Your code is 918273.", code="918273", purpose="mfa")
BOTH = (Route(providers=("first", "second")),)


def pair(*failures: ProviderError | None) -> dict[str, SmsProvider]:
    return {"first": Memory("first", failures=failures), "second": Memory("second")}


def texts(router: Router) -> dict[str, int]:
    return {name: len(provider.messages) for name, provider in router.providers.items() if isinstance(provider, Memory)}


async def test_the_first_provider_sends() -> None:
    router = Router(pair(), BOTH)
    sent = await router.send(MESSAGE)
    assert sent.receipt.provider == "first"
    assert [attempt.outcome for attempt in sent.attempts] == ["sent"]
    assert texts(router) == {"first": 1, "second": 0}


@pytest.mark.parametrize("failure", [Unavailable("x"), Throttled("x"), Unsupported("x"), Misconfigured("x")])
async def test_what_was_certainly_not_sent_goes_to_the_next(failure: ProviderError) -> None:
    router = Router(pair(failure), BOTH)
    sent = await router.send(MESSAGE)
    assert [(attempt.provider, attempt.outcome) for attempt in sent.attempts] == [
        ("first", failure.code),
        ("second", "sent"),
    ]
    assert texts(router) == {"first": 0, "second": 1}


@pytest.mark.parametrize("failure", [Rejected("x"), OutcomeUnknown("x")])
async def test_a_no_and_an_unknown_outcome_stop(failure: ProviderError) -> None:
    router = Router(pair(failure), BOTH)
    with pytest.raises(type(failure)):
        await router.send(MESSAGE)
    assert texts(router)["second"] == 0


async def test_a_route_may_go_on_after_a_rejection() -> None:
    router = Router(pair(Rejected("x")), [Route(providers=("first", "second"), next_after_rejection=True)])
    assert (await router.send(MESSAGE)).receipt.provider == "second"


async def test_a_route_may_send_again_after_an_unknown_outcome() -> None:
    router = Router(pair(OutcomeUnknown("x")), [Route(providers=("first", "second"), resend_after_unknown=True)])
    assert (await router.send(MESSAGE)).receipt.provider == "second"
    assert texts(router) == {"first": 1, "second": 1}


async def test_the_last_reason_is_told_when_nobody_sends() -> None:
    providers: dict[str, SmsProvider] = {
        "first": Memory("first", failures=[Unavailable("x")]),
        "second": Memory("second", failures=[Throttled("x", retry_after=3)]),
    }
    with pytest.raises(Throttled):
        await Router(providers, BOTH).send(MESSAGE)


class Slow(SmsProvider):
    """Never comes back."""

    async def send(self, message: Message) -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError


class Crash(SmsProvider):
    async def send(self, message: Message) -> Receipt:
        raise RuntimeError(f"to {message.recipient}")


@pytest.mark.parametrize("provider", [Slow("first"), Crash("first")])
async def test_a_provider_that_hangs_or_crashes_may_have_sent(provider: SmsProvider) -> None:
    router = Router({"first": provider, "second": Memory("second")}, BOTH, deadline=0.05)
    with structlog.testing.capture_logs() as logs, pytest.raises(OutcomeUnknown):
        await router.send(MESSAGE)
    assert texts(router) == {"second": 0}
    assert MESSAGE.recipient not in str([entry for entry in logs if "exc_info" not in entry])


async def test_the_deadline_is_below_the_callers_own() -> None:
    router = Router({"first": Slow("first")}, deadline=60)
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(OutcomeUnknown):
        await router.send(MESSAGE, caller_timeout=0.35)
    assert loop.time() - started < 0.35


async def test_no_time_left_sends_nothing() -> None:
    router = Router(pair(), BOTH)
    with pytest.raises(Unavailable):
        await router.send(MESSAGE, caller_timeout=0.1)
    assert texts(router) == {"first": 0, "second": 0}


async def test_a_cancelled_send_stays_cancelled() -> None:
    seen: list[Attempt] = []
    router = Router({"first": Slow("first")}, observe=seen.append)
    task = asyncio.create_task(router.send(MESSAGE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [attempt.outcome for attempt in seen] == ["cancelled"]


async def test_routes_are_tried_in_order_of_the_configuration() -> None:
    routes = [
        Route(providers=("second",), countries=frozenset({"DE"}), purposes=frozenset({"mfa"})),
        Route(providers=("first",)),
    ]
    router = Router(pair(), routes)
    assert (await router.send(MESSAGE)).receipt.provider == "second"
    assert (await router.send(replace(MESSAGE, purpose="sign-up"))).receipt.provider == "first"
    assert (await router.send(replace(MESSAGE, recipient="+12015550123"))).receipt.provider == "first"


async def test_no_route() -> None:
    router = Router(pair(), [Route(providers=("first",), countries=frozenset({"US"}))])
    with pytest.raises(NoRoute) as caught:
        await router.send(MESSAGE)
    assert MESSAGE.recipient not in str(caught.value)


async def test_a_named_provider_goes_before_the_route() -> None:
    router = Router(pair(), [Route(providers=("first",))])
    assert (await router.send(MESSAGE, provider="second")).receipt.provider == "second"
    with pytest.raises(NoRoute):
        await router.send(MESSAGE, provider="third")


def test_a_route_to_nobody_is_found_at_the_start() -> None:
    with pytest.raises(Misconfigured, match="'third'"):
        Router(pair(), [Route(providers=("first", "third"))])


class TextsOnly(Memory):
    capabilities = Capabilities()


async def test_voice_when_no_text_can_be_sent() -> None:
    providers: dict[str, SmsProvider] = {
        "first": TextsOnly("first", failures=[Unavailable("x")]),
        "second": Memory("second"),
    }
    routes = [
        Route(providers=("second",), kinds=frozenset({"voice"})),
        Route(providers=("first",), fallback_kinds=("voice",)),
    ]
    sent = await Router(providers, routes).send(replace(MESSAGE, sender="ACME"))
    assert (sent.kind, sent.receipt.provider) == ("voice", "second")
    second = providers["second"]
    assert isinstance(second, Memory)
    assert (second.messages[0].kind, second.messages[0].sender) == ("voice", None)


async def test_no_call_after_an_unknown_outcome() -> None:
    providers: dict[str, SmsProvider] = {"first": Memory("first", failures=[OutcomeUnknown("x")])}
    router = Router(providers, [Route(providers=("first",), fallback_kinds=("voice",))])
    with pytest.raises(OutcomeUnknown):
        await router.send(MESSAGE)
    assert texts(router) == {"first": 1}


async def test_the_reason_of_the_text_is_told_when_nobody_calls_either() -> None:
    providers: dict[str, SmsProvider] = {"first": TextsOnly("first", failures=[Unavailable("x")])}
    router = Router(providers, [Route(providers=("first",), fallback_kinds=("voice",))])
    with pytest.raises(Unavailable):
        await router.send(MESSAGE)


async def test_the_circuit_opens_and_closes() -> None:
    clock = Clock()
    failures = [Unavailable("x")] * 2
    router = Router(
        pair(*failures),
        BOTH,
        new_breaker=lambda: Breaker(threshold=2, cooldown=30, clock=clock, draw=lambda: 0.0),
        clock=clock,
    )
    for _ in range(4):
        await router.send(MESSAGE)
    assert router.states() == {"first": State.OPEN, "second": State.CLOSED}
    assert texts(router) == {"first": 0, "second": 4}
    clock.now += 30
    sent = await router.send(MESSAGE)
    assert sent.receipt.provider == "first"
    assert router.states()["first"] is State.CLOSED


async def test_all_circuits_open_is_unavailable() -> None:
    providers: dict[str, SmsProvider] = {"first": Memory("first", failures=[Throttled("x", retry_after=60)])}
    router = Router(providers)
    with pytest.raises(Throttled):
        await router.send(MESSAGE)
    with pytest.raises(Unavailable):
        await router.send(MESSAGE)


async def test_one_recipients_limit_closes_nobody() -> None:
    router = Router(pair(*[Throttled("too often to this number")] * 10), BOTH)
    for _ in range(10):
        await router.send(MESSAGE)
    assert router.states()["first"] is State.CLOSED


async def test_delivery_reports_open_the_circuit() -> None:
    router = Router(pair(), BOTH, new_breaker=lambda: Breaker(sample=4))
    for _ in range(4):
        router.report(StatusUpdate(provider="first", id="1", status=Status.UNDELIVERED))
    router.report(StatusUpdate(provider="somebody else", id="1", status=Status.FAILED))
    assert router.states()["first"] is State.OPEN


async def test_attempts_are_observed_and_logged_without_the_message() -> None:
    seen: list[Attempt] = []
    router = Router(pair(Unavailable("x")), BOTH, observe=seen.append)
    with structlog.testing.capture_logs() as logs:
        await router.send(MESSAGE)
    assert [(attempt.provider, attempt.kind, attempt.country, attempt.outcome) for attempt in seen] == [
        ("first", "sms", "DE", "unavailable"),
        ("second", "sms", "DE", "sent"),
    ]
    assert [entry["event"] for entry in logs] == ["sms_attempt", "sms_attempt"]
    for hidden in (MESSAGE.text, "918273", MESSAGE.recipient, MESSAGE.recipient[1:]):
        assert hidden not in str(logs)


class Stubborn(Memory):
    async def stop(self) -> None:
        raise RuntimeError


async def test_one_provider_that_does_not_stop_keeps_nobody() -> None:
    stopped: list[str] = []

    class Last(Memory):
        async def stop(self) -> None:
            stopped.append(self.name)

    router = Router({"a": Last("a"), "b": Stubborn("b")})
    await router.start()
    await router.stop()
    assert stopped == ["a"]


def test_every_error_has_its_own_code() -> None:
    def below(kind: type[SmsError]) -> list[type[SmsError]]:
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    codes = [kind.code for kind in below(SmsError)]
    assert len(codes) == len(set(codes))


async def test_admitted_numbers_that_no_plan_has_are_routed() -> None:
    router = Router(pair(), [Route(providers=("first",))])
    assert (await router.send(replace(MESSAGE, recipient="+10005550006"))).attempts[0].country == "001"
    with pytest.raises(InvalidNumber):
        await router.send(replace(MESSAGE, recipient="10005550006"))


async def test_nobody_for_this_kind() -> None:
    providers: dict[str, SmsProvider] = {"first": TextsOnly("first")}
    with pytest.raises(Unsupported):
        await Router(providers).send(replace(MESSAGE, kind="voice"))
