"""Loads a script once, to see what is in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from typing import Any, Final

from hookpoint.hooks.javascript.channel import MAX_MESSAGE, Message, encode
from hookpoint.hooks.javascript.runtimes import Launch
from hookpoint.hooks.javascript.worker import Loading

LIMIT: Final = 30.0


class ProbeFailed(Exception):  # noqa: N818 - a verdict on the script
    """A script did not say what is in it; the text continues the name of its file."""


def probe(launch: Launch, loading: Loading, *, limit: float = LIMIT) -> Message:
    """Start a worker, and return what it says of the script: `loaded` and `exports`, or `failed`. Raises ProbeFailed.

    It blocks: scripts are loaded at start, when nobody waits for anything else.
    """
    ours, theirs = socket.socketpair()
    number, by_number = theirs.fileno(), launch.by_number
    with ours, theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - the configuration says what runs
                (*launch.command, *((str(number),) if by_number else ())),
                stdin=subprocess.DEVNULL if by_number else number,
                stdout=subprocess.DEVNULL if by_number else number,
                stderr=subprocess.DEVNULL,
                pass_fds=(number,) if by_number else (),
                env=dict(launch.environment),
                cwd=launch.folder,
                start_new_session=True,
            )
        except OSError as error:
            raise ProbeFailed(f"cannot be run: {error}") from None
        theirs.close()
        try:
            ours.sendall(encode(loading.message))
            return _read_verdict(ours, time.monotonic() + limit)
        except TimeoutError:
            raise ProbeFailed(f"takes longer than {limit:g} s to load.") from None
        except (OSError, ValueError):
            raise ProbeFailed("ends its process while it is loaded.") from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _read_verdict(connection: socket.socket, until: float) -> Message:
    while True:
        size = int.from_bytes(_read(connection, 4, until))
        if size > MAX_MESSAGE:
            raise ValueError("too large")
        message: Any = json.loads(_read(connection, size, until))
        if isinstance(message, dict) and ("loaded" in message or "failed" in message):
            return message


def _read(connection: socket.socket, size: int, until: float) -> bytes:
    read = bytearray()
    while len(read) < size:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        chunk = connection.recv(size - len(read))
        if not chunk:
            raise ConnectionError("the worker is gone")
        read += chunk
    return bytes(read)
