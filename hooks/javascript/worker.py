"""One process that has loaded one script, and the calls in it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from hookpoint.hooks.javascript.call import Call, State
from hookpoint.hooks.javascript.channel import Channel, Message, encode
from hookpoint.hooks.javascript.errors import CallLost, Described
from hookpoint.hooks.javascript.process import WorkerProcess
from hookpoint.hooks.javascript.runtimes import Launch

MAX_ANSWER: Final = 1024 * 1024
MAX_CALLS: Final = 256
_OVERDUE: Final = "was ended because a call in it took too long"
STALL: Final = 0.1
"""Seconds after which a worker that does not begin what it was sent gets nothing more."""
_OUT_OF_MEMORY: Final = re.compile(r"heap out of memory|heap limit|out of memory|allocation failed", re.IGNORECASE)

log = structlog.get_logger(__name__)


class Owner(Protocol):
    """Who is told what becomes of a worker."""

    def changed(self, worker: Worker, /) -> None:
        """It may take calls that it could not take before, or was found to be blocked."""

    def ended(self, worker: Worker, /) -> None:
        """It is gone, and with it the calls that it had been sent."""

    def asked(self, worker: Worker, question: Message, /) -> Message:
        """The script asks for something; returns the reply."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What a worker is told first."""

    path: str
    source: str
    point: str | None
    memory: int

    @property
    def message(self) -> Message:
        """As a message."""
        return {
            "load": {"path": self.path, "source": self.source, "point": self.point, "maxAnswer": MAX_ANSWER},
        }


class Worker:
    """A worker from its start to its end."""

    def __init__(self, launch: Launch, loading: Loading, owner: Owner) -> None:
        self._launch = launch
        self._loading = loading
        self._owner = owner
        self._calls: dict[int, Call] = {}
        self._channel = Channel(self._receive, self._lost)
        self._process: WorkerProcess | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._reason = ""
        self.ready: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.answered = 0
        self.retiring = False
        self.stalled = False
        self.finished = asyncio.ensure_future(self._run())

    @property
    def pid(self) -> int | None:
        """The number of its process, once there is one."""
        return self._process.pid if self._process else None

    @property
    def is_ready(self) -> bool:
        """Whether the script is loaded."""
        return self.ready.done() and "loaded" in self.ready.result()

    @property
    def takes_calls(self) -> bool:
        """Whether another call may be sent now."""
        return (
            self.is_ready
            and not self.retiring
            and not self.stalled
            and len(self._calls) < MAX_CALLS
            # What waits in the process is stuck with it when a call blocks; what waits here goes to another one.
            and all(call.state is State.STARTED for call in self._calls.values())
        )

    @property
    def _waited(self) -> bool:
        """Whether anybody waits for a call in it."""
        return any(not call.answer.done() for call in self._calls.values())

    def send(self, call: Call) -> None:
        """Send a call."""
        call.state = State.SENT
        self._calls[call.number] = call
        self._channel.send(call.encoded)
        if self._stall_timer is None:
            self._watch_stall()

    def abandon(self, call: Call) -> None:
        """Nobody waits for a call any more: what it is doing can only be ended with the process."""
        if call.number not in self._calls:
            return
        if call.state is State.SENT or self.stalled:
            self.kill(_OVERDUE)
        else:
            self.retire(_OVERDUE)

    def retire(self, reason: str) -> None:
        """Take no more calls, and end with the last one."""
        if not self.retiring:
            self.retiring = True
            log.info("script_process_retired", script=self._loading.path, pid=self.pid, reason=reason)
            self._owner.changed(self)
        if not self._waited:
            self.kill(reason)

    def kill(self, reason: str) -> None:
        """End the process at once."""
        self.retiring = True
        self._reason = self._reason or reason
        if self._process is not None:
            self._process.kill()
        self._channel.close()

    async def _run(self) -> None:
        code: int | None = None
        try:
            self._process, ours = await WorkerProcess.start(self._launch, self._note_output)
            if self._reason:
                self._process.kill()
            await asyncio.get_running_loop().create_unix_connection(lambda: self._channel, sock=ours)
            self._channel.send(encode(self._loading.message))
            code = await self._process.ended()
        except OSError as error:
            self._reason = self._reason or f"could not be started: {error}"
        finally:
            self._end(code)

    def _end(self, code: int | None) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        self.kill("")
        reason = self._reason or self._reason_of(code)
        if not self.ready.done():
            self.ready.set_result({"failed": {"message": f"its process {reason}"}})
        for call in self._calls.values():  # the one that has not said so may have begun, too
            call.fail(CallLost(f"lost its process, which {reason}"))
        self._calls.clear()
        self._owner.ended(self)

    def _reason_of(self, code: int | None) -> str:
        lines = "\n".join(self._process.last_lines) if self._process else ""
        if _OUT_OF_MEMORY.search(lines):
            return f"ran out of memory ({self._loading.memory} MB)"
        return f"ended by itself with {code}"

    def _lost(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _receive(self, message: Message) -> None:
        if self.stalled:
            self.stalled = False
            self._owner.changed(self)
        if "done" in message:
            self._finish(message)
        elif "started" in message:
            if call := self._call_of(message["started"]):
                call.state = State.STARTED
                self._owner.changed(self)
        elif "log" in message:
            self._log(message)
        elif "ask" in message:
            self._channel.send(encode({**self._owner.asked(self, message), "reply": message["ask"]}))
        elif "retire" in message:
            self.retire(str(message["retire"]))
        elif not self.ready.done():
            if self._process is not None:
                self._process.limit_memory(self._loading.memory)
            self.ready.set_result(message)
            self._owner.changed(self)

    def _call_of(self, number: object) -> Call | None:
        return self._calls.get(number) if isinstance(number, int) else None

    def _finish(self, message: Message) -> None:
        call = self._call_of(message["done"])
        if call is None:
            return
        del self._calls[call.number]
        self.answered += 1
        call.finish(message)
        if self.retiring and not self._waited:
            self.kill(_OVERDUE)
        self._owner.changed(self)

    def _log(self, message: Message) -> None:
        level, text = str(message.get("level")), str(message.get("text"))
        call = self._call_of(message["log"])
        if call is not None:
            call.write_log(level, text)
        else:
            self._note_output(text)

    def _note_output(self, text: str) -> None:
        log.debug("script_output", script=self._loading.path, pid=self.pid, text=text)

    def _watch_stall(self) -> None:
        """See to it that a worker which blocks keeps only the calls that it has."""
        head = next((call for call in self._calls.values() if call.state is State.SENT), None)
        self._stall_timer = None
        if head is None or self.retiring:
            return

        def check() -> None:
            self._stall_timer = None
            if head.number in self._calls and head.state is State.SENT and not self.retiring:
                self.stalled = True
                self._owner.changed(self)
            self._watch_stall()

        self._stall_timer = asyncio.get_running_loop().call_later(STALL, check)


def failure_of(ready: Message) -> Described | None:
    """Why a script could not be loaded; None when it was."""
    return None if "loaded" in ready else Described.of(ready.get("failed"))
