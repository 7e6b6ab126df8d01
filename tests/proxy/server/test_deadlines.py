"""How long clients may take."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from hookpoint.proxy.server.limits import RequestLimits
from tests.proxy.server.connections import Recorder, serve
from tests.proxy.server.framing_cases import CHUNKED, check_refusal, get, post, status_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

QUICK = RequestLimits(
    header_timeout=0.3,
    keep_alive_timeout=0.3,
    body_timeout=0.3,
    body_minimum_rate=100.0,
    send_timeout=0.3,
    linger=0.2,
)


async def trickle(port: int, first: bytes, piece: bytes, *, pause: float = 0.05, seconds: float = 3.0) -> bytes:
    """Send a piece at a time until the server closes; return what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        writer.write(first)
        while True:
            await asyncio.sleep(pause)
            writer.write(piece)
            await writer.drain()

    sending = asyncio.create_task(send())
    try:
        return await asyncio.wait_for(reader.read(-1), seconds)
    finally:
        sending.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await sending
        writer.close()


async def test_O_idle_connection_is_closed_without_a_word() -> None:
    async with serve(Recorder(), QUICK) as server:
        assert await server.exchange(timeout=2.0) == b""


async def test_O_slow_headers_are_answered_408_on_time() -> None:
    app = Recorder()
    async with serve(app, QUICK) as server:
        began = time.monotonic()
        answer = await trickle(server.port, b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n")
        assert time.monotonic() - began < 15
    check_refusal(answer, 408)
    assert app.scopes == []


async def test_O_slow_headers_of_a_second_request() -> None:
    async with serve(Recorder(), QUICK) as server:
        answer = await trickle(server.port, get(b"/1") + b"GET /2 HTTP/1.1\r\n", b"X: y\r\n")
    assert status_of(answer) == 200
    check_refusal(answer[answer.index(b"HTTP/1.1", 1) :], 408)


async def test_O_empty_lines_do_not_hold_a_connection() -> None:
    async with serve(Recorder(), QUICK) as server:
        assert await trickle(server.port, b"\r\n", b"\r\n") == b""
        assert status_of(await trickle(server.port, get(), b"\r\n")) == 200


async def test_O_idle_keep_alive_is_closed() -> None:
    async with serve(Recorder(), QUICK) as server:
        answer = await server.exchange(get(), timeout=2.0)
    assert status_of(answer) == 200


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (post(b"Content-Length: 100000\r\n"), b"x"),
        (post(CHUNKED), b"1\r\nx\r\n"),
        (post(b"Content-Length: 5\r\n", b"abcd"), b""),
    ],
)
async def test_O_slow_body_is_answered_408_on_time(first: bytes, piece: bytes) -> None:
    app = Recorder()
    async with serve(app, QUICK) as server:
        began = time.monotonic()
        answer = await trickle(server.port, first, piece)
        assert time.monotonic() - began < 15
        check_refusal(answer, 408)
        await asyncio.wait_for(app.disconnected.wait(), 2.0)
    assert app.bodies == []


async def test_O_slow_upload_that_keeps_moving_is_left_alone() -> None:
    app = Recorder()
    body = b"x" * 400
    async with serve(app, QUICK) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post(b"Connection: close\r\nContent-Length: 8000\r\n"))
        for _ in range(20):
            writer.write(body)
            await asyncio.sleep(0.05)
        answer = await asyncio.wait_for(reader.read(-1), 2.0)
        writer.close()
    assert status_of(answer) == 200
    assert app.bodies == [body * 20]


async def test_O_time_in_which_the_application_does_not_read_is_not_the_clients() -> None:
    size = 400_000
    received = 0

    async def lazy(_: Scope, receive: Receive, send: Send) -> None:
        nonlocal received
        await asyncio.sleep(0.7)
        more = True
        while more:
            message = await receive()
            assert message["type"] == "http.request"
            received += len(message["body"])
            more = message["more_body"]
            if received < 100_000:
                await asyncio.sleep(0.35)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async with serve(lazy, QUICK) as server:
        answer = await server.exchange(post(b"Connection: close\r\nContent-Length: %d\r\n" % size, b"x" * size))
    assert status_of(answer) == 204
    assert received == size


async def test_O_client_that_waits_for_100_is_not_hurried() -> None:
    async def late(_: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.7)
        message = await receive()
        assert message["body"] == b"abc"
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async with serve(late, QUICK) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post(b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert status_of(await reader.read(-1)) == 204
        writer.close()


async def test_O_long_event_stream_is_left_alone() -> None:
    async def events(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200})
        for number in range(4):
            await asyncio.sleep(0.25)
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        await send({"type": "http.response.body"})

    async with serve(events, QUICK) as server:
        answer = await server.exchange(post(b"Content-Length: 1\r\n", b"x"), timeout=5.0)
    assert answer.count(b"data: ") == 4
    assert answer.endswith(b"0\r\n\r\n")


async def test_O_client_that_does_not_read_is_cut_off() -> None:
    gone = asyncio.Event()

    async def endless(_: Scope, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()

        watching = asyncio.create_task(watch())
        await send({"type": "http.response.start", "status": 200})
        while not gone.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            await asyncio.sleep(0)
        await watching

    async with serve(endless, QUICK) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(get())
        await asyncio.wait_for(gone.wait(), 5.0)
        writer.close()


async def test_rest_of_a_body_that_was_answered_early_is_read_but_not_for_ever() -> None:
    async def early(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with serve(early, QUICK) as server:
        whole = post(b"Content-Length: 100000\r\n", b"x" * 100_000)
        answer = await server.exchange(whole + get(headers=b"Connection: close\r\n"))
        assert answer.count(b"HTTP/1.1 413") == 2
        began = time.monotonic()
        unfinished = await server.exchange(post(b"Content-Length: 100000\r\n", b"x" * 10), timeout=20.0)
        assert time.monotonic() - began < 15
        assert unfinished.count(b"HTTP/1.1 413") == 1


async def test_refusing_client_that_still_sends_gets_the_answer() -> None:
    async with serve(Recorder()) as server:
        answer = await server.exchange(get(host=b"") + b"x" * 5_000_000)
    check_refusal(answer, 400)
