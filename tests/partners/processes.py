"""Server processes that say when they are ready and end with the tests, whatever happens to the tests."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
READY_SECONDS = 60.0
STOP_SECONDS = 5.0
LOG_SECONDS = 10.0
KEPT_LINES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedPort:
    """A port that is ours because `socket` listens on it already; connections wait until a server accepts them."""

    socket: socket.socket
    port: int

    @property
    def url(self) -> str:
        """The address as a URL without a trailing slash."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def fd(self) -> int:
        """The file descriptor, for `uvicorn --fd` (name it in `pass_fds`) or `uvicorn.Config(fd=...)`."""
        return self.socket.fileno()


@contextmanager
def reserve_port() -> Iterator[ReservedPort]:
    """Bind a free loopback port and listen on it, so that its URL is known before its server starts."""
    with socket.create_server((LOOPBACK, 0), backlog=2048) as listening:
        yield ReservedPort(socket=listening, port=listening.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A running server: its process id, the members of its ready line, and what it wrote to stderr so far."""

    pid: int
    ready: Mapping[str, Any]
    stderr: deque[str]

    def log(self) -> str:
        """The last lines that the server wrote to stderr."""
        return "".join(self.stderr)

    def kill(self) -> None:
        """End it at once; who waits for the end of the block sees it gone."""
        os.kill(self.pid, signal.SIGKILL)

    async def says(self, text: str, *, within: float = LOG_SECONDS) -> bool:
        """Whether the server has written a text to stderr, or does so within some seconds."""
        until = time.monotonic() + within
        while text not in self.log():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.01)
        return True


@contextmanager
def server_process(
    command: Sequence[str | Path],
    *,
    settings: object = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    ready_seconds: float = READY_SECONDS,
) -> Iterator[ServerProcess]:
    """Run a server until the block ends.

    `settings` go to its stdin as one line of JSON. It must print one line of JSON, an object, when it is ready, and should
    end when its stdin closes, so that it never outlives the tests. Raises RuntimeError with its stderr when it does not get
    ready.
    """
    process = subprocess.Popen(
        [*command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        cwd=cwd,
        pass_fds=pass_fds,
    )
    assert process.stdin is not None
    lines: queue.Queue[str | None] = queue.Queue()
    stderr: deque[str] = deque(maxlen=KEPT_LINES)
    readers = [
        threading.Thread(target=_read_stdout, args=(process, lines), daemon=True),
        threading.Thread(target=_read_stderr, args=(process, stderr), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        yield ServerProcess(pid=process.pid, ready=_await_ready(command, lines, stderr, ready_seconds), stderr=stderr)
    finally:
        _stop(process)
        for reader in readers:
            reader.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _read_stdout(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _read_stderr(process: subprocess.Popen[str], kept: deque[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        kept.append(line)


def _await_ready(
    command: Sequence[str | Path], lines: queue.Queue[str | None], stderr: deque[str], seconds: float
) -> Mapping[str, Any]:
    """Return the first line that is a JSON object; servers may print banners before it."""
    while True:
        try:
            line = lines.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None:
            name = " ".join(map(str, command))
            raise RuntimeError(f"{name} did not get ready:\n{''.join(stderr)}")
        if line.startswith("{"):
            ready = json.loads(line)
            assert isinstance(ready, dict)
            return ready


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
