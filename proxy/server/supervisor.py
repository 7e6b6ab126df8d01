"""A parent process that keeps workers running on shared listening sockets."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

import structlog

from hookpoint.proxy.server.errors import ServerError, StartError
from hookpoint.proxy.server.process import Product, Stop, run_process

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from multiprocessing.context import SpawnProcess

_READY = b"ready"
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_STOP_SIGNALS, signal.SIGHUP)
_EXTRA_SECONDS = 5.0
_RESTART_SECONDS = 1.0

_spawn = multiprocessing.get_context("spawn")
_logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Worker:
    """A worker process and this end of the pipe to it; closing the pipe asks the worker to stop."""

    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    stopping: bool = False


class Supervisor:
    """Starts workers, replaces those that die, and renews all of them on SIGHUP without a gap."""

    def __init__(
        self,
        product: Product,
        listeners: tuple[socket.socket, socket.socket],
        workers: int,
        *,
        on_ready: Callable[[], None],
        on_death: Callable[[int], None],
    ) -> None:
        """Run `workers` processes; `on_ready` is called when all accept, `on_death` with the id of a process gone."""
        self._product = product
        self._listeners = listeners
        self._count = workers
        self._on_ready = on_ready
        self._on_death = on_death
        self._workers: list[Worker] = []
        self._outgoing: list[Worker] = []
        self._stopping = False
        self._was_ready = False
        self._failed = False
        self._deadline: float | None = None
        self._restart_at = 0.0

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT; StartError when workers fail before the first one was ready."""
        with _signal_pipe() as (reader, received):
            for _ in range(self._count):
                self._start_worker()
            while self._workers:
                self._wait(reader)
                for number in received():
                    self._handle_signal(number)
                self._read_pipes()
                self._bury()
                self._replace()
                self._enforce_deadline()
        if self._failed:
            raise StartError("the workers did not start")

    def _start_worker(self) -> None:
        ours, theirs = _spawn.Pipe()
        process = _spawn.Process(target=_run_worker, args=(self._product, self._listeners, theirs))
        process.start()
        theirs.close()
        self._workers.append(Worker(process, ours))

    def _wait(self, signals: int) -> None:
        waited: list[int | Connection] = [signals]
        for worker in self._workers:
            waited.append(worker.process.sentinel)
            if not worker.ready:
                waited.append(worker.pipe)
        wakes = [moment for moment in (self._deadline, self._restart_at or None) if moment is not None]
        wait(waited, max(0.0, min(wakes) - time.monotonic()) if wakes else None)

    def _handle_signal(self, number: int) -> None:
        if number in _STOP_SIGNALS:
            if not self._stopping:
                self._stopping = True
                self._deadline = time.monotonic() + self._product.drain_timeout + _EXTRA_SECONDS
                # Only the workers' copies remain: what nobody accepts any more is then refused at once.
                for listener in self._listeners:
                    listener.close()
            for worker in self._workers:
                _terminate(worker)
        elif not self._stopping and self._was_ready and not self._outgoing:
            _logger.info("workers_renewed", workers=len(self._workers))
            self._outgoing = [worker for worker in self._workers if not worker.stopping]
            self._start_worker()

    def _read_pipes(self) -> None:
        for worker in list(self._workers):
            if worker.ready or not worker.pipe.poll():
                continue
            with contextlib.suppress(EOFError, OSError):
                worker.ready = worker.pipe.recv_bytes() == _READY
            if worker.ready and self._outgoing:
                # One new worker accepts: one old worker may go, and the next new one come.
                _terminate(self._outgoing.pop())
                if self._outgoing:
                    self._start_worker()
        if not self._was_ready and sum(worker.ready for worker in self._workers) == self._count:
            self._was_ready = True
            self._on_ready()

    def _bury(self) -> None:
        for worker in [worker for worker in self._workers if not worker.process.is_alive()]:
            self._workers.remove(worker)
            worker.process.join()
            worker.pipe.close()
            if worker.process.pid is not None:
                self._on_death(worker.process.pid)
            if worker in self._outgoing:
                self._outgoing.remove(worker)
            if not worker.stopping:
                _logger.error("worker_died", pid=worker.process.pid, exit_code=worker.process.exitcode)
                self._after_death(worker)

    def _after_death(self, worker: Worker) -> None:
        if not self._was_ready:
            # The first workers do not start: the next ones would not either.
            self._failed = self._failed or not self._stopping
            self._stopping = True
            for other in self._workers:
                _terminate(other)
        elif not worker.ready:
            # A worker that dies while it starts will do so again: not in a tight loop.
            self._outgoing.clear()
            self._restart_at = time.monotonic() + _RESTART_SECONDS

    def _replace(self) -> None:
        if self._stopping or not self._was_ready or time.monotonic() < self._restart_at:
            return
        self._restart_at = 0.0
        while sum(not worker.stopping for worker in self._workers) < self._count:
            self._start_worker()

    def _enforce_deadline(self) -> None:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            for worker in self._workers:
                worker.process.kill()


def _terminate(worker: Worker) -> None:
    worker.stopping = True
    if worker.process.is_alive():
        worker.process.terminate()


def _run_worker(product: Product, listeners: tuple[socket.socket, socket.socket], pipe: Connection) -> None:
    # A terminal sends SIGINT to all of us; the parent passes the wish on, once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def arrange(stop: Stop) -> Callable[[], None]:
        import asyncio

        loop = asyncio.get_running_loop()
        stop.listen_to([signal.SIGTERM])

        def parent_gone() -> None:
            loop.remove_reader(pipe.fileno())
            stop.ask()

        loop.add_reader(pipe.fileno(), parent_gone)
        return lambda: pipe.send_bytes(_READY)

    try:
        run_process(product, *listeners, arrange)
    except ServerError as error:
        _logger.error("worker_failed", error=str(error), error_code=error.code)
        raise SystemExit(1) from None
    except Exception:
        _logger.exception("worker_failed")
        raise SystemExit(1) from None


@contextlib.contextmanager
def _signal_pipe() -> Iterator[tuple[int, Callable[[], bytes]]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    previous = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(writer)

    def received() -> bytes:
        try:
            return os.read(reader, 64)
        except BlockingIOError:
            return b""

    try:
        yield reader, received
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
