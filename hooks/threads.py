"""Threads for hooks that are no coroutines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeAlias

_Work: TypeAlias = tuple["Future[Any]", Callable[[], Any]]


class HookThreads:
    """Runs functions in at most `size` threads, which are started as they are needed.

    Unlike those of concurrent.futures, which Python waits for at exit, they let the process end while a hook hangs.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: SimpleQueue[_Work] = SimpleQueue()
        self._lock = Lock()
        self._started = 0
        self._unfinished = 0

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        """Have a function called; what waits for a thread can be cancelled."""
        future: Future[Any] = Future()
        with self._lock:
            self._unfinished += 1
            if self._started < min(self._size, self._unfinished):
                self._started += 1
                Thread(target=self._serve, name=f"hook-{self._started}", daemon=True).start()
        self._queue.put((future, function))
        return future

    def _serve(self) -> None:
        while True:
            _run(*self._queue.get())
            with self._lock:
                self._unfinished -= 1


def _run(future: Future[Any], function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        answer = function()
    except StopIteration as error:  # asyncio cannot carry it, and turns it into RuntimeError in coroutines
        future.set_exception(RuntimeError(f"raised {error!r}"))
    except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is awaited
        future.set_exception(error)
    else:
        future.set_result(answer)
