"""Runs the `hookpoint` command in processes that have imported it already.

Importing is most of what a start costs, and tests start it some hundred times. One process for each process of tests imports the
package and forks: what it forks has the arguments, folder, environment and files that it is given, and runs the command's own script.
Tests of what a real start does (the demo, the packages, the documents, workers) start it as users do.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

HOOKPOINT: Final = Path(sys.executable).parent / "hookpoint"
_NUMBER: Final = struct.Struct("!i")


class WarmProcess:
    """A running command, with what tests use of `subprocess.Popen`; its standard input is empty."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: int,
        stderr: int,
        fresh: bool = False,
    ) -> None:
        """Start `hookpoint ARGUMENTS`, writing to two files; a `fresh` process imports everything itself."""
        self.args: Final = [str(HOOKPOINT), *map(str, arguments)]
        self.returncode: int | None = None
        self._told, theirs = socket.socketpair()
        request = {"argv": self.args, "cwd": str(cwd), "env": dict(env), "fresh": fresh}
        with theirs:
            _starter().start(request, [stdout, stderr, theirs.fileno()])
        self.pid: Final = self._number(None)

    def poll(self) -> int | None:
        """Return the exit code, as `subprocess` counts it, if it has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; subprocess.TimeoutExpired when that takes longer than `timeout` seconds."""
        if self.returncode is None:
            self.returncode = self._number(timeout)
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _number(self, timeout: float | None) -> int:
        self._told.settimeout(timeout)
        try:
            told = self._told.recv(_NUMBER.size)
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
        if not told:
            raise RuntimeError("the process that starts hookpoint has ended")
        (number,) = _NUMBER.unpack(told)
        assert isinstance(number, int)
        return number


class PipedProcess(WarmProcess):
    """A running command whose output can be read while it runs; its errors go to ours, or to another file."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stderr: int = 2,
        fresh: bool = False,
    ) -> None:
        """Start `hookpoint ARGUMENTS`."""
        reading, writing = os.pipe()
        self.stdout: Final = os.fdopen(reading, encoding="utf-8")
        try:
            super().__init__(arguments, cwd=cwd, env=env, stdout=writing, stderr=stderr, fresh=fresh)
        finally:
            os.close(writing)


def run_command(
    arguments: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], timeout: float = 180.0
) -> subprocess.CompletedProcess[str]:
    """Run `hookpoint ARGUMENTS` to its end and return what it wrote, like `subprocess.run`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = WarmProcess(arguments, cwd=cwd, env=env, stdout=out.fileno(), stderr=err.fileno())
        try:
            returncode = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, returncode, _content(out), _content(err))


def _content(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


class _Starter:
    """The process that has imported the package; it ends with this one."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )
        self._socket = ours
        self._lock = threading.Lock()
        atexit.register(self._stop)

    def start(self, request: object, files: list[int]) -> None:
        """Have a command started with three files: its output, its errors, and where to tell its id and its exit code."""
        body = json.dumps(request).encode()
        with self._lock:
            socket.send_fds(self._socket, [_NUMBER.pack(len(body))], files)
            self._socket.sendall(body)

    def _stop(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _starter() -> _Starter:
    return _Starter()


def _import_everything() -> None:
    from hookpoint.proxy.cli import COMMANDS

    for target in (*COMMANDS.values(), "hookpoint.proxy.app", "aiosqlite", "asyncpg", "sqlalchemy.dialects.sqlite"):
        importlib.import_module(target.partition(":")[0])


def _serve(requests: socket.socket) -> None:
    """Fork for each request until nobody asks any more; returns in a forked process too, as what it was asked to be."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        head, files, _, _ = socket.recv_fds(requests, _NUMBER.size, 3)
        if not head:
            sys.exit()
        request = json.loads(_exactly(requests, *_NUMBER.unpack(head)))
        if os.fork() == 0:
            requests.close()
            _forked(request, *files)
            return
        for file in files:
            os.close(file)


def _exactly(readable: socket.socket, count: int) -> bytes:
    read = bytearray()
    while len(read) < count:
        read += readable.recv(count - len(read))
    return bytes(read)


def _forked(request: dict[str, Any], out: int, err: int, told: int) -> None:
    """Become the command and return; the process in between tells its id, waits for its end and tells that."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid:
        os.close(out)
        os.close(err)
        os.write(told, _NUMBER.pack(pid))
        status = os.waitpid(pid, 0)[1]
        with contextlib.suppress(BrokenPipeError):
            os.write(told, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for file in (out, err, told):
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    if request["fresh"]:
        os.execve(HOOKPOINT, request["argv"], request["env"])
    sys.argv[:] = request["argv"]
    sys.path[0] = str(HOOKPOINT.parent)


def main() -> None:
    """Import everything, then start what is asked for on the socket whose number is the argument."""
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        _import_everything()
        try:
            _serve(requests)
        except KeyboardInterrupt:
            sys.exit()
    runpy.run_path(str(HOOKPOINT), run_name="__main__")


if __name__ == "__main__":
    main()
