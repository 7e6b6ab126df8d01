"""The operating system's side of a worker: starting, limiting, killing and reaping its process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hookpoint.hooks.javascript.runtimes import Launch

_LAST_LINES: Final = 40
_LINE: Final = 4096
_OUTPUT_GRACE: Final = 1.0
# For code, thread stacks and what libraries allocate beside the heap.
_BESIDE_HEAP: Final = 128 * 1024 * 1024


class WorkerProcess:
    """A process in a session of its own, with nothing of ours open but one socket."""

    def __init__(self, process: asyncio.subprocess.Process, output: Callable[[str], None]) -> None:
        self._process = process
        self._output = output
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._ended = asyncio.ensure_future(self._watch())

    @classmethod
    async def start(cls, launch: Launch, output: Callable[[str], None]) -> tuple[WorkerProcess, socket.socket]:
        """Start a worker and return it with our end of its socket; raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            descriptor = theirs.fileno()
            by_number = launch.by_number
            process = await asyncio.create_subprocess_exec(
                *launch.command,
                *((str(descriptor),) if by_number else ()),
                stdin=asyncio.subprocess.DEVNULL if by_number else descriptor,
                stdout=asyncio.subprocess.PIPE if by_number else descriptor,
                stderr=asyncio.subprocess.STDOUT if by_number else asyncio.subprocess.PIPE,
                pass_fds=(descriptor,) if by_number else (),
                env=dict(launch.environment),
                cwd=launch.folder,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, output), ours

    @property
    def pid(self) -> int:
        """Its number, which is also that of its process group."""
        return self._process.pid

    def limit_memory(self, megabytes: int) -> None:
        """Limit what it may allocate from now on, the heap's own limit aside. Linux only."""
        if sys.platform == "linux":
            import resource

            with contextlib.suppress(OSError, ValueError):
                limit = _data_size(self.pid) + megabytes * 1024 * 1024 + _BESIDE_HEAP
                resource.prlimit(self.pid, resource.RLIMIT_DATA, (limit, limit))

    def kill(self) -> None:
        """End it, and what it has started, at once."""
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def ended(self) -> int:
        """Wait until it has ended; returns the exit code, negative for a signal."""
        return await asyncio.shield(self._ended)

    async def _watch(self) -> int:
        stream = self._process.stdout or self._process.stderr
        assert stream is not None
        reading = asyncio.ensure_future(self._read_lines(stream))
        code = await self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what it has started and not ended
        await asyncio.wait({reading}, timeout=_OUTPUT_GRACE)
        reading.cancel()
        return code

    async def _read_lines(self, stream: asyncio.StreamReader) -> None:
        """Pass on what is printed, line by line, without keeping what is printed without end."""
        rest = b""
        with contextlib.suppress(OSError):
            while chunk := await stream.read(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                rest = rest[:_LINE]
                for line in lines:
                    self._note(line)
        if rest:
            self._note(rest)

    def _note(self, line: bytes) -> None:
        text = line[:_LINE].decode("utf-8", "replace").rstrip()
        if text:
            self.last_lines.append(text)
            self._output(text)


def _data_size(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise ValueError("the process has no data")
