"""The load generator against servers whose answers and pauses are known."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat

import pytest
from bench.load import Address, BrokenAnswer, closed_loop, exchange, open_loop

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


@contextmanager
def scripted(*pieces: bytes, pause: float = 0.0) -> Iterator[Address]:
    """A server of one connection at a time that answers every request with these pieces; no pieces: it hangs up."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):  # a load ends with requests under way
                while connection.recv(4096):
                    time.sleep(pause)
                    for piece in pieces:
                        connection.sendall(piece)
                    if not pieces:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((COUNTED,), id="counted"),
        pytest.param((COUNTED[:10], COUNTED[10:40], COUNTED[40:]), id="counted-in-pieces"),
        pytest.param((CHUNKED,), id="chunked"),
        pytest.param((CHUNKED[:-4], CHUNKED[-4:]), id="chunked-end-apart"),
    ],
)
def test_answers_are_read_to_their_end(pieces: tuple[bytes, ...]) -> None:
    with scripted(*pieces) as address:
        answer = exchange(address, REQUEST)
    assert (answer.status, answer.body) == (200, b"hello")


def test_a_closed_connection_is_no_answer() -> None:
    with scripted() as address, pytest.raises(BrokenAnswer):
        exchange(address, REQUEST)


def test_a_closed_loop_counts_good_answers_and_keeps_the_last() -> None:
    with scripted(COUNTED) as address:
        run = closed_loop(address, repeat(REQUEST), connections=1, seconds=0.05)
    assert run.failed == 0
    assert len(run.latencies) > 0
    assert run.last is not None
    assert run.last.body == b"hello"


def test_other_answers_than_200_are_failures() -> None:
    with scripted(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as address:
        run = closed_loop(address, repeat(REQUEST), connections=1, seconds=0.05)
    assert run.failed > 0
    assert len(run.latencies) == 0


def test_an_open_loop_charges_a_stall_to_every_request_that_was_due_meanwhile() -> None:
    with scripted(COUNTED, pause=0.02) as address:
        run = open_loop(address, repeat(REQUEST), rate=200, connections=1, seconds=0.1)
    assert len(run.latencies) == 20
    # 5 ms apart and served in 20 ms or more: the last one waited for all before it.
    assert max(run.latencies) >= 20 * 0.02 - 0.1
