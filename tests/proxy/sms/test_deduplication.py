from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from hookpoint.hooks import SendPhoneMessage, send_phone_message
from hookpoint.providers import Message, ProviderError, Receipt, Rejected, Unavailable
from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import (
    DeliveryResult,
    Denied,
    Failed,
    Refused,
    Sent,
    SentByHook,
    TestNumberUsed,
    is_final,
    result_from_bytes,
    result_to_bytes,
)
from hookpoint.proxy.vault.tables import records
from tests.proxy.sms.stage import CODE, NUMBER, Stage, stage

KEYED = DeliveryRequest(recipient=NUMBER, code=CODE, idempotency_key="webhook msg_1")


class Slow(Memory):
    """Sends once it is let go."""

    def __init__(self, name: str = "main") -> None:
        super().__init__(name)
        self.entered = asyncio.Event()
        self.go = asyncio.Event()

    async def send(self, message: Message) -> Receipt:
        """Wait, and send."""
        self.entered.set()
        await self.go.wait()
        return await super().send(message)


async def deliver(it: Stage, *, deadline: float = 5) -> DeliveryResult:
    return await it.delivery.deliver(KEYED, deadline=deadline)


async def test_a_repeated_key_gets_the_first_result_until_the_window_is_over() -> None:
    async with stage() as it:
        first = await deliver(it)
        it.clock.now += 599
        assert await deliver(it) == first
        assert len(it.main.messages) == 1
        it.clock.now += 2
        assert await deliver(it) != first
        assert len(it.main.messages) == 2


async def test_a_message_keeps_its_reference_from_try_to_try() -> None:
    async with stage(providers=[Memory("main", failures=[None, None])]) as it:
        await deliver(it)
        it.clock.now += 1000
        await deliver(it)
        assert len({message.reference for message in it.main.messages}) == 1


async def test_a_duplicate_waits_for_the_first_call() -> None:
    slow = Slow()
    async with stage(providers=[slow]) as it:
        calls = [asyncio.create_task(deliver(it)) for _ in range(3)]
        await slow.entered.wait()
        slow.go.set()
        results = await asyncio.gather(*calls)
        assert len(slow.messages) == 1
        assert isinstance(results[0], Sent)
        assert results[1:] == results[:1] * 2


async def test_a_duplicate_that_cannot_wait_any_longer_is_busy() -> None:
    slow = Slow()
    async with stage(providers=[slow]) as it:
        first = asyncio.create_task(deliver(it))
        await slow.entered.wait()
        busy = await deliver(it, deadline=0.1)
        assert isinstance(busy, Failed)
        assert busy.code == "busy"
        slow.go.set()
        assert await deliver(it) == await first


async def test_a_message_whose_call_died_is_not_sent_again() -> None:
    slow = Slow()
    async with stage(providers=[slow]) as it:
        first = asyncio.create_task(deliver(it))
        await slow.entered.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        slow.go.set()
        result = await deliver(it)
        assert isinstance(result, Failed)
        assert result.code == "unknown"
        assert not slow.messages


@pytest.mark.parametrize(("error", "sends"), [(Unavailable("down"), 1), (Rejected("no"), 0)])
async def test_only_what_may_be_tried_again_is(error: ProviderError, sends: int) -> None:
    async with stage(providers=[Memory("main", failures=[error])]) as it:
        first = await deliver(it)
        assert isinstance(first, Failed)
        again = await deliver(it)
        assert len(it.main.messages) == sends
        assert (again == first) is (sends == 0)


async def test_hooks_run_once_for_a_key() -> None:
    runs = 0

    @send_phone_message
    async def watch(event: SendPhoneMessage) -> None:
        nonlocal runs
        runs += 1

    async with stage(hooks=[watch]) as it:
        await deliver(it)
        await deliver(it)
    assert runs == 1


async def test_two_processes_send_one_message(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    async with stage(url=url) as one, stage(url=url) as other:
        results = await asyncio.gather(deliver(one), deliver(other))
        assert results[0] == results[1]
        assert len(one.main.messages) + len(other.main.messages) == 1


async def test_what_is_kept_tells_nothing_without_the_pepper() -> None:
    async with stage() as it:
        await deliver(it)
        async with it.store.read() as connection:
            rows = (await connection.execute(select(records))).all()
        kept = repr(rows)
        assert len(rows) == 1
        for secret in ("msg_1", CODE, NUMBER, "main-1"):
            assert secret not in kept


async def test_a_result_that_cannot_be_kept_is_given_all_the_same() -> None:
    class Sabotage(Memory):
        async def send(self, message: Message) -> Receipt:
            async with it.store.begin() as connection:
                await connection.execute(delete(records))
                await connection.exec_driver_sql("DROP TABLE vault_records")
            return await super().send(message)

    async with stage(providers=[Sabotage("main")]) as it:
        assert isinstance(await deliver(it), Sent)


RESULTS: list[DeliveryResult] = [
    Sent(provider="main", id="sm-1"),
    SentByHook(id="x"),
    TestNumberUsed(),
    Refused(code="limit_exceeded", public="Later.", retry_after=1.5),
    Refused(code="invalid_number", public="No."),
    Denied(code="access_denied", public="Für niemanden."),
    Failed(code="unknown", public="Perhaps."),
]


@pytest.mark.parametrize("result", RESULTS, ids=repr)
def test_results_survive_being_kept(result: DeliveryResult) -> None:
    assert result_from_bytes(result_to_bytes(result)) == result


@pytest.mark.parametrize("kept", [b"", b"[]", b"{}", b'{"result":"Gone"}', b'{"result":"Denied","more":1}'])
def test_other_things_are_no_results(kept: bytes) -> None:
    with pytest.raises(ValueError):
        result_from_bytes(kept)


def test_results_that_change_are_not_final() -> None:
    assert [is_final(result) for result in RESULTS] == [True, True, True, False, True, True, True]
