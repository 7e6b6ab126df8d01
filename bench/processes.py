"""Processes under test: on a core of their own, with their memory and CPU time over all their children."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from bench.load import Address, BrokenAnswer, exchange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

READY_SECONDS = 60.0
STOP_SECONDS = 10.0


class NotStarted(Exception):  # noqa: N818 - names the event
    """A server ended or did not answer; the text holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a server is started: it listens on 127.0.0.1 at the port it was told."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Which cores the servers under test get, and which the load generator and the server behind them share."""

    tested: frozenset[int]
    others: frozenset[int]

    @classmethod
    def split(cls) -> Cores:
        """One core for the servers under test where there are several; all for everyone where there is one or none to choose."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(tested=frozenset(), others=frozenset())
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            return cls(tested=frozenset(), others=frozenset())
        return cls(tested=frozenset(allowed[-1:]), others=frozenset(allowed[:-1]))

    def __str__(self) -> str:
        if not self.tested:
            return "not pinned"
        return f"servers on {sorted(self.tested)}, load and upstream on {sorted(self.others)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server in its folder; `ready_seconds` is from its start to its first good answer."""

    folder: Path
    address: Address
    process: psutil.Process
    ready_seconds: float

    def cpu_seconds(self) -> float:
        """User and system time of the process and its children."""
        return sum(times.user + times.system for times in (each.cpu_times() for each in self._all()))

    def resident_bytes(self) -> int:
        """Resident memory of the process and its children; pages that they share count for each."""
        return sum(each.memory_info().rss for each in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Run what is started within on these cores; children inherit them, threads too."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(launch: Launch, port: int, probe: bytes, cores: frozenset[int]) -> Iterator[Server]:
    """Start a server, wait until it answers `probe` with 200, and stop it at the end; raises NotStarted."""
    launch.folder.mkdir(parents=True, exist_ok=True)
    log = launch.folder / "server.log"
    address = ("127.0.0.1", port)
    with log.open("wb") as output:
        started = time.perf_counter()
        with pinned(cores):
            process = subprocess.Popen(
                list(launch.command),
                cwd=launch.folder,
                env={**os.environ, **launch.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            if not _await_ready(process, address, probe, started + READY_SECONDS):
                tail = log.read_text(errors="replace")[-2000:]
                raise NotStarted(f"{launch.command[0]} gave no good answer:\n{tail}")
            yield Server(
                folder=launch.folder,
                address=address,
                process=psutil.Process(process.pid),
                ready_seconds=time.perf_counter() - started,
            )
        finally:
            _stop(process)


def _await_ready(process: subprocess.Popen[bytes], address: Address, probe: bytes, deadline: float) -> bool:
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            if exchange(address, probe).status == 200:
                return True
        except (OSError, BrokenAnswer):
            pass
        time.sleep(0.002)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
