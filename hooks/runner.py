"""Runs the code of one hook."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from hookpoint.hooks.threads import HookThreads

MAX_THREADS = 32


class Runner(Protocol):
    """Runs a hook's code with an event and returns what it answered; time limits are the caller's.

    `start` begins what has to run beforehand and does not wait for it, `aclose` ends it and waits. Both may be called again.
    """

    async def start(self) -> None: ...

    async def run(self, event: object) -> object: ...

    async def aclose(self) -> None: ...


class PythonRunner:
    """Runs a Python function: `async def` in place, `def` in a thread of a pool that all hooks share.

    A thread cannot be stopped: a `def` hook that has passed its time limit goes on in the background, and while `MAX_THREADS` of
    them hang, further `def` hooks wait for a thread until their own limit.
    """

    _threads: ClassVar[HookThreads] = HookThreads(MAX_THREADS)

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object whose __call__ is async
        )

    async def start(self) -> None:
        """Nothing: the function is there."""

    async def aclose(self) -> None:
        """Nothing: threads are shared, and end with the process."""

    async def run(self, event: object) -> object:
        if self._is_async:
            return await self.function(event)
        context = contextvars.copy_context()
        answer = await asyncio.wrap_future(self._threads.submit(lambda: context.run(self.function, event)))
        # A `def` that returns an awaitable, such as a wrapper around a coroutine function.
        return await answer if inspect.isawaitable(answer) else answer
