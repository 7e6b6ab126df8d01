"""Answers of bad and broken upstreams, as clients see them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hookpoint.proxy.upstream import ExchangeRecord, Timeouts, Upstream
from tests.proxy.upstream.answer_cases import CUT, INVALID, OK
from tests.proxy.upstream.wire import PATIENCE, answer, connected, get, proxied, scripted, serving

if TYPE_CHECKING:
    from tests.proxy.upstream.wire import Message, Peer


async def answered(data: bytes, request: bytes | None = None, *, close: bool = True) -> Message:
    """Return what a client gets for an upstream that writes these bytes."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(data)
        if close:
            await peer.close()
        else:
            await peer.eof()

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(request or get())
        return await client.message(bodiless=(request or b"").startswith(b"HEAD"))


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID.keys())
async def test_U_invalid_answer_is_a_502_that_tells_nothing(data: bytes) -> None:
    message = await answered(data)
    assert message.status == 502
    assert message.one(b"content-type") == b"application/json"
    assert message.one(b"cache-control") == b"no-store"
    error = json.loads(message.body)
    assert error["error"] == "server_error"
    assert set(error) == {"error", "error_description"}
    assert b"localhost" not in message.body


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (answer(b"ok", status=b"404 Not Found"), b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"final"), b"final"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\nX: trailer\r\n\r\n", b"ab"),
    ],
)
async def test_U_good_answers_pass(data: bytes, body: bytes) -> None:
    message = await answered(data)
    assert message.body == body
    assert message.one(b"x") is None
    assert message.one(b"link") is None


async def test_U_redirects_are_passed_on_not_followed() -> None:
    message = await answered(answer(b"", b"Location: http://evil.test/", status=b"302 Found"))
    assert (message.status, message.one(b"location")) == (302, b"http://evil.test/")


async def test_U_duplicate_set_cookie_lines_stay_separate() -> None:
    message = await answered(
        answer(b"ok", b"Set-Cookie: a=1; Expires=Mon, 01 Jan 2029 00:00:00 GMT", b"Set-Cookie: b=2")
    )
    assert message.all(b"set-cookie") == [b"a=1; Expires=Mon, 01 Jan 2029 00:00:00 GMT", b"b=2"]


async def test_U_head_keeps_the_length_it_has_no_body_for() -> None:
    message = await answered(OK + b"Content-Length: 1234\r\n\r\n", get(method="HEAD"), close=False)
    assert (message.status, message.one(b"content-length"), message.one(b"transfer-encoding")) == (200, b"1234", None)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_U_answers_without_body_end_at_their_head(status: bytes) -> None:
    message = await answered(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\nETag: x\r\n\r\n", close=False)
    assert (message.status, message.one(b"etag"), message.body) == (int(status[:3]), b"x", b"")


async def test_U_date_is_kept_or_added_and_no_server_invented() -> None:
    dated = await answered(answer(b"ok", b"Date: Mon, 01 Jan 2029 00:00:00 GMT", b"Server: theirs"))
    assert (dated.one(b"date"), dated.one(b"server")) == (b"Mon, 01 Jan 2029 00:00:00 GMT", b"theirs")
    undated = await answered(answer(b"ok"))
    assert (undated.one(b"date") or b"").endswith(b"GMT")
    assert undated.one(b"server") is None


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("data", CUT.values(), ids=CUT.keys())
async def test_U_truncated_answer_breaks_the_clients_connection(
    data: bytes, reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(data)
        await seen.wait()
        if not reset:
            await peer.close()

    seen = asyncio.Event()
    records: list[ExchangeRecord] = []
    async with scripted(script) as upstream, proxied(Upstream(upstream.url, on_exchange=records.append)) as client:
        await client.send(get())
        start, _ = await client.head()
        assert start == b"HTTP/1.1 200 OK"
        seen.set()
        rest = await client.eof()
        assert not rest.endswith(b"0\r\n\r\n")
        assert len(rest) < 20
    assert [record.outcome for record in records] == ["upstream_broken"]
    assert "UpstreamBroken" in caplog.text


async def test_U_reset_of_an_answer_that_ends_with_its_connection_is_not_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        await seen.wait()
        peer.reset()

    seen = asyncio.Event()
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(get())
        await client.head()
        assert await client.chunk() == b"half"
        seen.set()
        assert await client.eof() == b""
    assert "UpstreamBroken" in caplog.text


async def test_U_reset_before_the_answer_is_a_502_and_never_a_second_request() -> None:
    requests = 0

    async def script(peer: Peer) -> None:
        nonlocal requests
        await peer.head()
        requests += 1
        peer.reset()

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(get(method="GET"))
        assert (await client.message()).status == 502
    assert requests == 1


async def test_U_reset_after_the_answer_costs_nobody_anything() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer())
        peer.reset()

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        for _ in range(5):
            await client.send(get())
            assert (await client.message()).body == b"ok"
            await asyncio.sleep(0.01)


async def test_U_upstream_that_never_answers_is_a_504() -> None:
    async def script(peer: Peer) -> None:
        await peer.eof()
        gone.set()

    gone = asyncio.Event()
    async with scripted(script) as upstream, proxied(Upstream(upstream.url, timeouts=Timeouts(header=0.2))) as client:
        await client.send(get())
        message = await client.message()
        assert (message.status, json.loads(message.body)["error"]) == (504, "temporarily_unavailable")
        await asyncio.wait_for(gone.wait(), PATIENCE)


async def test_U_head_that_trickles_is_a_504() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        for byte in OK + b"X: " + b"y" * 1000:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.01)

    async with scripted(script) as upstream, proxied(Upstream(upstream.url, timeouts=Timeouts(header=0.3))) as client:
        await client.send(get())
        assert (await client.message()).status == 504


async def test_U_slow_trickle_of_a_body_passes_as_it_comes() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Content-Length: 5\r\n\r\n")
        for byte in b"hello":
            await asyncio.sleep(0.1)
            await peer.send(bytes([byte]))

    async with scripted(script) as upstream, proxied(Upstream(upstream.url, timeouts=Timeouts(idle=0.3))) as client:
        await client.send(get())
        assert (await client.message()).body == b"hello"


async def test_U_body_that_stops_breaks_the_clients_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Content-Length: 5\r\n\r\nhe")
        await peer.eof()

    async with scripted(script) as upstream, proxied(Upstream(upstream.url, timeouts=Timeouts(idle=0.2))) as client:
        await client.send(get())
        await client.head()
        assert await client.eof() == b"he"


async def test_U_cookies_of_user_a_are_not_sent_for_user_b() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.message()
            seen.append(request.all(b"cookie"))
            await peer.send(answer(b"ok", b"Set-Cookie: session=a; Path=/"))

    async with scripted(script) as upstream, serving(Upstream(upstream.url)) as port:
        async with connected(port) as a:
            await a.send(get("/", "Cookie: session=a"))
            assert (await a.message()).all(b"set-cookie") == [b"session=a; Path=/"]
        async with connected(port) as b:
            await b.send(get())
            await b.message()
    assert seen == [[b"session=a"], []]
    assert upstream.connections == 1


def impatient(listener: socket.socket, patience: float, seen: list[bytes]) -> None:
    """Serve connections one at a time in a thread; close each that has been silent for too long."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(TimeoutError, ConnectionError):
            connection.settimeout(patience)
            while head := connection.recv(65536):
                seen.append(head.split(b" ")[1])
                connection.sendall(answer())


async def test_U_keep_alive_race_never_sends_a_request_twice_and_loses_few() -> None:
    """The upstream closes idle connections about when the next request comes."""
    seen: list[bytes] = []
    patience, rounds, lost = 0.02, 60, 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving_thread = threading.Thread(target=impatient, args=(listener, patience, seen))
        serving_thread.start()
        async with proxied(Upstream(f"http://127.0.0.1:{listener.getsockname()[1]}")) as client:
            for number in range(rounds):
                await client.send(get(f"/{number}", method="POST"))
                message = await client.message()
                assert message.status in (200, 502)
                lost += message.status == 502
                await asyncio.sleep(patience * (0.5 + number / rounds))
        listener.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(serving_thread.join)
    assert len(seen) == len(set(seen))
    assert len(seen) + lost >= rounds
    assert lost <= rounds // 10
