"""The processes of one script, and the calls that wait for them."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from hookpoint.hooks.javascript.call import Call
from hookpoint.hooks.javascript.channel import Message, encode
from hookpoint.hooks.javascript.errors import CallLost
from hookpoint.hooks.javascript.runtimes import Launch
from hookpoint.hooks.javascript.storage import Storage
from hookpoint.hooks.javascript.worker import Loading, Worker, failure_of

READY: Final = 2
"""Processes that are kept: one that works, and one that is there when it is killed."""
SPARE_DELAY: Final = 0.5
"""Seconds after which the spare process is started: at a start of hookpoint all scripts want their first one."""
MAX_PROCESSES: Final = 4
"""Processes that take calls at most, when those that are there block."""
MAX_LIVE: Final = 8
"""Processes at most, with those that only end what they have begun."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

log = structlog.get_logger(__name__)


class Pool:
    """Runs calls of one script in processes of its own.

    A process is replaced when it ends by itself, when it blocks until the deadline of a call, and when a call in it has gone on
    beyond its deadline. A process is sent one call at a time that has not said that it waits for something, and calls are lost with it.
    """

    def __init__(self, launch: Launch, loading: Loading) -> None:
        self._launch = launch
        self._loading = loading
        self._storage = Storage()
        self._queue: deque[Call] = deque()
        self._workers: list[Worker] = []
        self._numbers = itertools.count(1)
        self._open = False
        self._failures = 0
        self._pause: asyncio.TimerHandle | None = None
        self._spare_wanted = False
        self._spare_timer: asyncio.TimerHandle | None = None

    @property
    def pids(self) -> frozenset[int]:
        """The processes that there are."""
        return frozenset(worker.pid for worker in self._workers if worker.pid is not None)

    async def start(self) -> None:
        """Begin to start processes; calls wait for them."""
        if self._open:
            return
        self._open = True
        self._fill()
        self._spare_timer = asyncio.get_running_loop().call_later(SPARE_DELAY, self._want_spare)

    async def aclose(self) -> None:
        """End all processes, and wait until they are gone."""
        self._open = self._spare_wanted = False
        for timer in (self._pause, self._spare_timer):
            if timer is not None:
                timer.cancel()
        self._pause = self._spare_timer = None
        while self._queue:
            self._queue.popleft().fail(CallLost("did not run: hookpoint is stopping"))
        workers = tuple(self._workers)
        for worker in workers:
            worker.kill("hookpoint is stopping")
        await asyncio.gather(*(worker.finished for worker in workers))

    async def call(self, request: Message, log: Callable[[str, str], None]) -> Message:
        """Call the script and return its answer; raises CallLost. Being cancelled ends what the call does."""
        if not self._open:
            await self.start()
        number = next(self._numbers)
        encoded = encode({"call": number, **request})
        call = Call(number=number, encoded=encoded, answer=asyncio.get_running_loop().create_future(), log=log)
        self._queue.append(call)
        self._dispatch()
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._abandon(call)
            raise

    def changed(self, worker: Worker) -> None:
        """See `Owner`."""
        if worker.is_ready and worker.answered:
            self._failures = 0
        failure = failure_of(worker.ready.result()) if worker.ready.done() else None
        if failure is not None and not worker.retiring:
            worker.kill("could not load the script")
            self._refuse_waiting(f"could not be loaded: {failure.message}")
        self._fill()
        self._dispatch()

    def ended(self, worker: Worker) -> None:
        """See `Owner`."""
        self._workers.remove(worker)
        if not worker.answered:
            self._failures += 1
        self._fill()
        self._dispatch()

    def asked(self, worker: Worker, question: Message) -> Message:
        """See `Owner`."""
        return self._storage.answer(question)

    def _dispatch(self) -> None:
        while self._queue:
            if self._queue[0].answer.done():
                self._queue.popleft()
                continue
            worker = next((each for each in self._workers if each.takes_calls), None)
            if worker is None:
                self._fill()
                return
            worker.send(self._queue.popleft())

    def _refuse_waiting(self, reason: str) -> None:
        """Let no call wait for a script that cannot be loaded, unless it could be before."""
        if not any(worker.is_ready for worker in self._workers):
            while self._queue:
                self._queue.popleft().fail(CallLost(reason))

    def _abandon(self, call: Call) -> None:
        if call in self._queue:
            self._queue.remove(call)
        for worker in tuple(self._workers):
            worker.abandon(call)

    def _fill(self) -> None:
        """Start what is missing, more slowly the more often it was in vain."""
        if not self._open or self._pause is not None:
            return
        usable = [each for each in self._workers if not each.retiring]
        blocked = sum(each.stalled for each in usable)
        wanted = min((READY if self._spare_wanted else 1) + blocked, MAX_PROCESSES)
        while len(usable) < wanted and len(self._workers) < MAX_LIVE:
            if self._failures:
                pause = min(_FIRST_PAUSE * 2 ** (self._failures - 1), _LONGEST_PAUSE)
                log.warning("script_process_restart", script=self._loading.path, failures=self._failures, pause=pause)
                self._pause = asyncio.get_running_loop().call_later(pause, self._resume)
                return
            usable.append(self._start_one())

    def _want_spare(self) -> None:
        self._spare_wanted = True
        self._fill()

    def _resume(self) -> None:
        self._pause = None
        if self._open:
            self._start_one()
            self._fill()

    def _start_one(self) -> Worker:
        worker = Worker(self._launch, self._loading, self)
        self._workers.append(worker)
        return worker
