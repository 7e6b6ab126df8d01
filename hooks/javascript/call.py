"""A call of a script, from when it is asked for until it is answered."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from hookpoint.hooks.javascript.channel import Message


class State(Enum):
    """Where a call is: not sent yet, sent to a worker, known to have begun there."""

    QUEUED = "queued"
    SENT = "sent"
    STARTED = "started"


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One call. `log` is told the level and text of each line that the script writes meanwhile, in the caller's context."""

    number: int
    encoded: bytes = field(repr=False)
    answer: asyncio.Future[Message]
    log: Callable[[str, str], None]
    context: contextvars.Context = field(default_factory=contextvars.copy_context, repr=False)
    state: State = State.QUEUED

    def finish(self, message: Message) -> None:
        """Hand over the answer, unless nobody waits any more."""
        if not self.answer.done():
            self.answer.set_result(message)

    def fail(self, error: Exception) -> None:
        """Say why there is no answer, unless nobody waits any more."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def write_log(self, level: str, text: str) -> None:
        """A line that the script has written."""
        self.context.run(self.log, level, text)
