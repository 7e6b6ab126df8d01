from __future__ import annotations

import asyncio
from datetime import date

import pytest

from hookpoint.hooks import (
    Client,
    Delivered,
    Deny,
    MessageChanges,
    Request,
    SendPhoneMessage,
    User,
    send_phone_message,
)
from hookpoint.providers import (
    Misconfigured,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    Route,
    Throttled,
    Unavailable,
    Unsupported,
)
from hookpoint.providers.guard import TestNumber
from hookpoint.providers.limits import Limit
from hookpoint.providers.numbers import NumberPolicy
from hookpoint.providers.templates import Template, Templates
from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import Denied, Failed, Refused, Sent, SentByHook, TestNumberUsed
from hookpoint.proxy.sms.texts import Texts
from tests.proxy.sms.stage import CODE, NUMBER, SPOKEN, stage

ONE = [Limit(scope="number", count=1, window=60)]


async def test_a_code_is_rendered_and_sent_to_the_number_in_its_one_notation() -> None:
    asked = DeliveryRequest(
        recipient=SPOKEN,
        code=CODE,
        language="de",
        client=Client(id="web"),
        user=User(id="u-1"),
        request=Request(ip="192.0.2.1"),
        purpose="enrollment",
    )
    async with stage() as it:
        result = await it.delivery.deliver(asked, deadline=5)
        (message,) = it.main.messages
        assert isinstance(result, Sent)
        assert (result.provider, result.id, result.kind) == ("main", "main-1", "sms")
    assert message.recipient == NUMBER
    assert message.text == f"{CODE} ist Ihr Bestätigungscode."
    assert (message.client, message.user, message.ip, message.purpose) == ("web", "u-1", "192.0.2.1", "enrollment")
    assert message.reference


async def test_texts_of_the_caller_are_not_touched() -> None:
    async with stage() as it:
        await it.delivery.deliver(DeliveryRequest(recipient=NUMBER, text="Hello", code=CODE), deadline=5)
        assert it.main.messages[0].text == "Hello"


@pytest.mark.parametrize(("code", "last"), [("123456", "@login.example #123456"), ("12 34", "Code 12 34 for Acme, 5")])
async def test_the_last_line_binds_codes_to_the_site(code: str, last: str) -> None:
    templates = Templates([Template(text="Code {code} for {app}, {minutes}")])
    texts = Texts(templates=templates, app="Acme", minutes=5, host="login.example")
    async with stage(texts=texts) as it:
        await it.delivery.deliver(DeliveryRequest(recipient=NUMBER, code=code), deadline=5)
        assert it.main.messages[0].text.splitlines()[-1] == last


def test_a_message_needs_something_to_say() -> None:
    with pytest.raises(ValueError):
        DeliveryRequest(recipient=NUMBER)


def test_requests_show_nothing() -> None:
    shown = repr(DeliveryRequest(recipient=NUMBER, code=CODE, text=f"It is {CODE}", user=User(id="u-1")))
    assert CODE not in shown
    assert NUMBER[1:] not in shown
    assert "u-1" not in shown


async def test_hooks_see_the_message_and_change_text_sender_and_provider() -> None:
    seen: list[SendPhoneMessage] = []

    @send_phone_message
    async def change(event: SendPhoneMessage) -> MessageChanges:
        seen.append(event)
        return MessageChanges(text="Changed", sender="Acme", provider="other")

    async with stage(hooks=[change], providers=[Memory("main"), Memory("other")]) as it:
        asked = DeliveryRequest(recipient=SPOKEN, code=CODE, client=Client(id="web", metadata={"plan": "gold"}))
        result = await it.delivery.deliver(asked, deadline=5)
        assert isinstance(result, Sent)
        assert result.provider == "other"
        assert not it.main.messages
        (message,) = it.providers["other"].messages
    assert (message.text, message.sender) == ("Changed", "Acme")
    (event,) = seen
    assert (event.recipient, event.code, event.purpose) == (NUMBER, CODE, "second-factor-authentication")
    assert event.client is not None
    assert event.client.metadata["plan"] == "gold"


async def test_a_hook_that_delivers_leaves_nothing_to_the_providers_and_counts() -> None:
    @send_phone_message
    def deliver(event: SendPhoneMessage) -> Delivered:
        return Delivered(message_id="sm-7")

    async with stage(hooks=[deliver], limits=ONE) as it:
        asked = DeliveryRequest(recipient=NUMBER, code=CODE)
        assert await it.delivery.deliver(asked, deadline=5) == SentByHook(id="sm-7")
        again = await it.delivery.deliver(asked, deadline=5)
        assert isinstance(again, Refused)
        assert again.code == "limit_exceeded"
        assert not it.main.messages
        assert it.counted == [("hook", "sent"), ("none", "limit_exceeded")]


async def test_a_denied_message_is_not_sent_and_does_not_count() -> None:
    denials = iter([Deny("access_denied", "For the log.", "For the user."), None])

    @send_phone_message
    async def check(event: SendPhoneMessage) -> None:
        if denial := next(denials):
            raise denial

    async with stage(hooks=[check], limits=ONE) as it:
        asked = DeliveryRequest(recipient=NUMBER, code=CODE)
        assert await it.delivery.deliver(asked, deadline=5) == Denied(code="access_denied", public="For the user.")
        assert not it.main.messages
        assert isinstance(await it.delivery.deliver(asked, deadline=5), Sent)


@pytest.mark.logs_secrets  # what crashes is redacted by how the product logs, not by this log
async def test_a_failing_hook_stops_the_message() -> None:
    @send_phone_message
    async def crash(event: SendPhoneMessage) -> None:
        raise KeyError(event.code)

    async with stage(hooks=[crash], limits=ONE) as it:
        result = await it.delivery.deliver(DeliveryRequest(recipient=NUMBER, code=CODE), deadline=5)
        assert isinstance(result, Failed)
        assert result.code == "hook_failed"
        assert not it.main.messages


@pytest.mark.parametrize("deadline", [0.05, 5.0])
async def test_a_hook_that_is_too_slow_may_have_sent_the_message(deadline: float) -> None:
    @send_phone_message
    async def hang(event: SendPhoneMessage) -> None:
        await asyncio.Event().wait()

    async with stage(hooks=[hang], hook_seconds=0.1) as it:
        asked = DeliveryRequest(recipient=NUMBER, code=CODE, idempotency_key="k")
        for _ in range(2):
            result = await it.delivery.deliver(asked, deadline=deadline)
            assert isinstance(result, Failed)
            assert result.code == "unknown"
        assert not it.main.messages


@pytest.mark.parametrize(
    ("recipient", "code"),
    [("abc", "invalid_number"), ("+49900123456", "invalid_number"), ("+16502530000", "number_refused")],
)
async def test_numbers_that_are_not_served_reach_neither_hooks_nor_providers(recipient: str, code: str) -> None:
    @send_phone_message
    async def never(event: SendPhoneMessage) -> None:
        raise AssertionError("a hook ran")

    async with stage(hooks=[never], numbers=NumberPolicy(countries=frozenset({"DE"}))) as it:
        result = await it.delivery.deliver(DeliveryRequest(recipient=recipient, code=CODE), deadline=5)
        assert isinstance(result, Refused)
        assert result.code == code
        assert recipient not in result.public


async def test_messages_to_a_test_number_are_kept_where_it_says() -> None:
    number = TestNumber(number="+15005550006", until=date(2099, 1, 1), provider="inbox")
    providers = [Memory("main"), Memory("inbox", failures=[Unavailable("the disk is full")])]
    async with stage(limits=[Limit(scope="all", count=0, window=60)], tests=[number], providers=providers) as it:
        asked = DeliveryRequest(recipient="15005550006", code=CODE)
        assert isinstance(await it.delivery.deliver(asked, deadline=5), Failed)
        assert await it.delivery.deliver(asked, deadline=5) == TestNumberUsed()
        assert not it.main.messages
        assert [(kept.recipient, kept.code) for kept in it.providers["inbox"].messages] == [("+15005550006", CODE)]
        assert it.counted == [("none", "unavailable"), ("inbox", "test_number")]


async def test_test_numbers_reach_nobody() -> None:
    @send_phone_message
    async def never(event: SendPhoneMessage) -> None:
        raise AssertionError("a hook ran")

    number = TestNumber(number="+15005550006", until=date(2099, 1, 1))
    async with stage(hooks=[never], tests=[number]) as it:
        asked = DeliveryRequest(recipient="+15005550006", code=CODE)
        assert await it.delivery.deliver(asked, deadline=5) == TestNumberUsed()
        assert not it.main.messages


@pytest.mark.parametrize(
    ("error", "code", "counted"),
    [
        (Rejected("no such number"), "rejected", True),
        (OutcomeUnknown("lost"), "unknown", True),
        (Throttled("slow down", retry_after=7), "throttled", False),
        (Unavailable("down"), "unavailable", False),
        (Misconfigured("no money"), "misconfigured", False),
        (Unsupported("no voice"), "misconfigured", False),
    ],
    ids=lambda value: value.code if isinstance(value, ProviderError) else None,
)
async def test_what_was_certainly_not_sent_is_given_back(error: ProviderError, code: str, counted: bool) -> None:
    async with stage(limits=ONE, providers=[Memory("main", failures=[error])]) as it:
        asked = DeliveryRequest(recipient=NUMBER, code=CODE)
        failed = await it.delivery.deliver(asked, deadline=5)
        assert isinstance(failed, Failed)
        assert failed.code == code
        assert failed.retry_after == (7 if code == "throttled" else None)
        it.main.failures.clear()
        again = await it.delivery.deliver(asked, deadline=5)
        if counted:
            assert isinstance(again, Refused)
            assert again.code == "limit_exceeded"
            assert again.retry_after is not None
        else:
            # A throttled provider is left alone for as long as it asked.
            assert isinstance(again, Failed if code == "throttled" else Sent)


async def test_the_next_provider_sends_when_the_first_is_down() -> None:
    down = Memory("main", failures=[Unavailable("down")])
    async with stage(providers=[down, Memory("other")]) as it:
        result = await it.delivery.deliver(DeliveryRequest(recipient=NUMBER, code=CODE), deadline=5)
        assert isinstance(result, Sent)
        assert result.provider == "other"


async def test_nothing_is_sent_without_a_route() -> None:
    async with stage(routes=[Route(providers=("main",), countries=frozenset({"FR"}))]) as it:
        result = await it.delivery.deliver(DeliveryRequest(recipient=NUMBER, code=CODE), deadline=5)
        assert isinstance(result, Failed)
        assert result.code == "misconfigured"


async def test_longer_texts_of_hooks_cost_what_they_cost() -> None:
    @send_phone_message
    async def lengthen(event: SendPhoneMessage) -> MessageChanges:
        return MessageChanges(text="x" * 400)

    limit = Limit(scope="all", count=1, window=60)
    async with stage(hooks=[lengthen], limits=[limit]) as it:
        asked = DeliveryRequest(recipient=NUMBER, code=CODE)
        assert isinstance(await it.delivery.deliver(asked, deadline=5), Sent)
        assert isinstance(await it.delivery.deliver(asked, deadline=5), Refused)


async def test_a_store_that_is_gone_sends_nothing() -> None:
    async with stage(limits=ONE) as it:
        async with it.store.begin() as connection:
            await connection.exec_driver_sql("DROP TABLE hookpoint_sms_counts")
        result = await it.delivery.deliver(DeliveryRequest(recipient=NUMBER, code=CODE), deadline=5)
        assert isinstance(result, Failed)
        assert result.code == "unavailable"
        assert not it.main.messages
