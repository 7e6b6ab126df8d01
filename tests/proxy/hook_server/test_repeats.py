"""Calls that come again."""

from __future__ import annotations

import asyncio

import pytest

from hookpoint.proxy.answers import Answer
from hookpoint.proxy.hook_server.repeats import LIFETIME, Repeats


class Work:
    """Counts how often it is done."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> Answer:
        self.calls += 1
        await self.go.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


DONE, FAILED = Answer(status=200, body=b"{}"), Answer(status=500)


async def test_what_was_done_is_not_done_again() -> None:
    repeats, work = Repeats(), Work(DONE)
    assert [await repeats.once("a", work) for _ in range(3)] == [DONE, DONE, DONE]
    assert work.calls == 1


async def test_calls_at_once_are_one() -> None:
    repeats, work = Repeats(), Work(DONE)
    work.go.clear()
    calls = [asyncio.ensure_future(repeats.once("a", work)) for _ in range(3)]
    await asyncio.sleep(0)
    work.go.set()
    assert await asyncio.gather(*calls) == [DONE, DONE, DONE]
    assert work.calls == 1


async def test_a_caller_that_leaves_does_not_stop_the_work() -> None:
    repeats, work = Repeats(), Work(DONE)
    work.go.clear()
    first = asyncio.ensure_future(repeats.once("a", work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.go.set()
    assert await repeats.once("a", work) == DONE
    assert work.calls == 1


async def test_a_failure_is_tried_again() -> None:
    repeats, work = Repeats(), Work(FAILED, OSError("gone"), DONE)
    assert await repeats.once("a", work) == FAILED
    with pytest.raises(OSError, match="gone"):
        await repeats.once("a", work)
    assert await repeats.once("a", work) == DONE


async def test_it_is_forgotten_in_time() -> None:
    now = 0.0
    repeats, work = Repeats(clock=lambda: now), Work(DONE, DONE)
    await repeats.once("a", work)
    now = LIFETIME + 1
    await repeats.once("a", work)
    assert work.calls == 2
