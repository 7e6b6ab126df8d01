"""Bodies stream both ways at once, nothing is buffered, and whoever leaves ends the exchange."""

from __future__ import annotations

import asyncio
import time

import pytest

from hookpoint.proxy.upstream import ExchangeRecord, Timeouts, Upstream
from tests.proxy.upstream.wire import PATIENCE, Peer, answer, get, proxied, scripted

OK = b"HTTP/1.1 200 OK\r\n"
POST_CHUNKED = get("/", "Transfer-Encoding: chunked", method="POST")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_O_server_sent_events_arrive_one_by_one() -> None:
    """The next event is only sent once the one before has arrived."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            await peer.send(chunk(b"data: %d\n\n" % number))
            await asyncio.wait_for(arrived.get(), PATIENCE)
        await peer.send(b"0\r\n\r\n")

    arrived: asyncio.Queue[None] = asyncio.Queue()
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(get())
        _, fields = await client.head()
        assert (b"content-type", b"text/event-stream") in fields
        for number in range(5):
            assert await client.chunk() == b"data: %d\n\n" % number
            arrived.put_nowait(None)
        assert await client.chunk() == b""


async def test_request_body_streams_while_the_answer_does() -> None:
    """An echo: each piece goes up only after the one before has come back."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while data := await peer.chunk():
            await peer.send(chunk(data))
        await peer.send(b"0\r\n\r\n")

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(POST_CHUNKED)
        await client.send(chunk(b"piece -1"))
        await client.head()
        assert await client.chunk() == b"piece -1"
        for number in range(5):
            await client.send(chunk(b"piece %d" % number))
            assert await client.chunk() == b"piece %d" % number
        await client.send(b"0\r\n\r\n")
        assert await client.chunk() == b""


@pytest.mark.parametrize("closes", [True, False], ids=["closes", "stays"])
async def test_U_early_413_is_delivered_at_once_and_ends_the_upload(closes: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.reader.readexactly(10)
        await peer.send(answer(b"too large", status=b"413 Content Too Large"))
        if not closes:
            await peer.eof()
            stopped.set()

    stopped = asyncio.Event()
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        started = time.perf_counter()
        await client.send(get("/", "Content-Length: 1000000000", method="POST") + bytes(1000))
        message = await client.message()
        assert (message.status, message.body) == (413, b"too large")
        assert time.perf_counter() - started < 20  # the upload goes on for longer
        if not closes:
            await asyncio.wait_for(stopped.wait(), PATIENCE)


async def test_U_early_413_survives_a_client_that_keeps_sending() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.reader.readexactly(200_000)
        await peer.send(answer(b"too large", status=b"413 Content Too Large"))
        await peer.close()

    async def push(client: Peer) -> None:
        for _ in range(200):
            await client.send(bytes(20_000))

    for _ in range(5):
        async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
            await client.send(get("/", "Content-Length: 4000000", method="POST"))
            pushing = asyncio.ensure_future(push(client))
            message = await client.message()
            assert (message.status, message.body) == (413, b"too large")
            await pushing


async def test_connection_with_an_unfinished_request_is_not_used_again() -> None:
    async def script(peer: Peer) -> None:
        _, fields = await peer.head()
        await peer.send(answer(b"early"))
        if dict(fields).get(b"content-length"):
            ended.append(await peer.eof())

    ended: list[bytes] = []
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(get("/", "Content-Length: 30", method="POST") + b"first ten.")
        assert (await client.message()).body == b"early"
        await client.send(b"and the other twenty")
        await client.send(get("/second"))
        assert (await client.message()).body == b"early"
        assert upstream.connections == 2
    assert b"/second" not in b"".join(ended)


async def test_O_client_that_leaves_while_waiting_cancels_the_call() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.eof()
        cancelled.set()

    asked, cancelled = asyncio.Event(), asyncio.Event()
    records: list[ExchangeRecord] = []
    async with scripted(script) as upstream, proxied(Upstream(upstream.url, on_exchange=records.append)) as client:
        await client.send(get())
        await asyncio.wait_for(asked.wait(), PATIENCE)
        await client.close()
        await asyncio.wait_for(cancelled.wait(), PATIENCE)
    assert [record.outcome for record in records] == ["client_gone"]


async def test_O_client_that_leaves_a_stream_cancels_the_call() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Content-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await peer.eof()
        cancelled.set()

    cancelled = asyncio.Event()
    app: Upstream
    async with scripted(script) as upstream:
        app = Upstream(upstream.url)
        async with proxied(app) as client:
            await client.send(get())
            await client.head()
            assert await client.chunk() == b"data: 1\n\n"
            await client.close()
            await asyncio.wait_for(cancelled.wait(), PATIENCE)
    assert app.pool.active == 0


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
async def test_O_aborted_upload_is_never_a_complete_request(chunked: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        got.append(await peer.reader.readexactly(4))
        asked.set()
        got.append(await peer.eof())
        ended.set()

    asked, ended = asyncio.Event(), asyncio.Event()
    got: list[bytes] = []
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        head = POST_CHUNKED if chunked else get("/", "Content-Length: 100", method="POST")
        await client.send(head + (chunk(b"half") if chunked else b"half"))
        await asyncio.wait_for(asked.wait(), PATIENCE)
        await client.close()
        await asyncio.wait_for(ended.wait(), PATIENCE)
    assert b"".join(got) == (chunk(b"half") if chunked else b"half")


async def test_client_that_stops_sending_gets_a_408_and_the_upstream_no_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        got.append(await peer.eof())

    got: list[bytes] = []
    async with scripted(script) as upstream, proxied(Upstream(upstream.url, timeouts=Timeouts(idle=0.2))) as client:
        await client.send(POST_CHUNKED + chunk(b"half"))
        message = await client.message()
        assert (message.status, message.one(b"connection")) == (408, b"close")
        await asyncio.wait_for(upstream.idle.wait(), PATIENCE)
    assert got == [chunk(b"half")]


async def test_client_that_sends_no_body_at_all_takes_no_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.eof()

    async with scripted(script) as upstream:
        async with proxied(Upstream(upstream.url, timeouts=Timeouts(idle=0.2))) as client:
            await client.send(get("/", "Content-Length: 5", method="POST"))
            assert (await client.message()).status == 408
        assert upstream.connections == 0


async def test_upstream_that_takes_nothing_slows_the_client_down() -> None:
    """What is on its way is bounded by socket buffers, however much the client would send."""

    sent, total = 0, 64 * 1024 * 1024

    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await release.wait()
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await peer.message()
        await peer.send(answer())

    async def push(client: Peer) -> None:
        nonlocal sent
        for _ in range(total // 65536):
            await client.send(bytes(65536))
            sent += 65536

    release = asyncio.Event()
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(get("/", f"Content-Length: {total}", method="POST"))
        pushing = asyncio.ensure_future(push(client))
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)
        assert 0 < sent < total / 2
        release.set()
        await asyncio.wait_for(pushing, 30)
        assert (await client.message()).status == 200


async def test_client_that_takes_nothing_slows_the_upstream_down() -> None:
    sent, total = 0, 64 * 1024 * 1024

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.head()
        await peer.send(OK + b"Content-Length: %d\r\n\r\n" % total)
        for _ in range(total // 65536):
            await peer.send(bytes(65536))
            sent += 65536

    async with scripted(script) as upstream, proxied(Upstream(upstream.url, timeouts=Timeouts(idle=0.3))) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(get())
        before = -1
        while sent != before or not sent:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < total / 2
        await asyncio.sleep(0.4)  # a slow client is no silent upstream
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await client.head()
        assert len(await asyncio.wait_for(client.reader.readexactly(total), 30)) == total


async def test_silent_stream_lives_without_an_idle_limit() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Content-Length: 2\r\n\r\na")
        await asyncio.sleep(0.5)
        await peer.send(b"b")

    async with (
        scripted(script) as upstream,
        proxied(Upstream(upstream.url, timeouts=Timeouts(idle=None, header=0.2))) as client,
    ):
        await client.send(get())
        assert (await client.message()).body == b"ab"


async def test_call_that_is_cancelled_from_outside_gives_its_connection_up() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.eof()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        raise AssertionError(message)

    asked = asyncio.Event()
    async with scripted(script) as upstream:
        app = Upstream(upstream.url)
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a.test")], "client": None}
        call = asyncio.ensure_future(app(scope, receive, send))
        await asyncio.wait_for(asked.wait(), PATIENCE)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert app.pool.active == app.pool.idle == 0
        await asyncio.wait_for(upstream.idle.wait(), PATIENCE)


class BodyTooLargeError(Exception):
    """What an app between server and upstream may raise while the body is read."""


@pytest.mark.parametrize("streaming", [True, False], ids=["while uploading", "while waiting"])
async def test_error_of_the_app_around_ends_the_call_at_once(streaming: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.eof()

    received = 0

    async def receive() -> dict[str, object]:
        nonlocal received
        received += 1
        if received == 1:
            return {"type": "http.request", "body": b"piece", "more_body": streaming}
        raise BodyTooLargeError

    async def send(message: object) -> None:
        raise AssertionError(message)

    records: list[ExchangeRecord] = []
    async with scripted(script) as upstream:
        app = Upstream(upstream.url, on_exchange=records.append)
        headers = [(b"host", b"a.test")]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "client": ("192.0.2.1", 1)}
        with pytest.raises(BodyTooLargeError):
            await asyncio.wait_for(app(scope, receive, send), PATIENCE)
        assert app.pool.active == app.pool.idle == 0
        await asyncio.wait_for(upstream.idle.wait(), PATIENCE)
    assert [record.outcome for record in records] == ["error"]


async def test_send_that_fails_because_the_client_left_ends_the_call_quietly() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Content-Length: 100\r\n\r\nhalf")
        await peer.eof()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: object) -> None:
        raise BrokenPipeError

    records: list[ExchangeRecord] = []
    async with scripted(script) as upstream:
        app = Upstream(upstream.url, on_exchange=records.append)
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a.test")], "client": None}
        await asyncio.wait_for(app(scope, receive, send), PATIENCE)
        assert app.pool.active == 0
    assert [record.outcome for record in records] == ["client_gone"]
