"""Calls that come again: a caller that saw no answer asks once more, and the hook must not act twice."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from hookpoint.proxy.answers import Answer

LIFETIME: Final = 600.0
"""Longer than any signature is believed, in seconds."""
_MOST: Final = 10_000


class Repeats:
    """Gives the answer of the first call to all that repeat it, also while it is under way; an answer that is a failure is not kept."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: OrderedDict[str, tuple[asyncio.Future[Answer], float]] = OrderedDict()

    async def once(self, key: str, serve: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to the call of this key, served now or before."""
        self._forget()
        known = self._answers.get(key)
        if known is not None:
            return await asyncio.shield(known[0])
        task = asyncio.ensure_future(serve())
        self._answers[key] = (task, self._clock())
        task.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(task)

    def _settle(self, key: str, done: asyncio.Future[Answer]) -> None:
        """Keep what went well; whoever asked may be gone by now."""
        if done.cancelled() or done.exception() is not None or done.result().status >= 300:
            self._answers.pop(key, None)

    def _forget(self) -> None:
        oldest = self._clock() - LIFETIME
        while self._answers:
            key, (_, since) = next(iter(self._answers.items()))
            if since > oldest and len(self._answers) <= _MOST:
                return
            del self._answers[key]
