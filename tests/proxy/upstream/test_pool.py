from __future__ import annotations

import asyncio
import json
import socket

import pytest

from hookpoint.proxy.upstream import ExchangeRecord, Limits, Timeouts, Upstream
from tests.proxy.upstream.wire import PATIENCE, Peer, answer, connected, get, proxied, scripted, serving, until


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


async def echoing(peer: Peer) -> None:
    while True:
        request = await peer.message()
        await peer.send(answer(request.target))


async def test_upstream_that_refuses_connections_is_a_502() -> None:
    async with proxied(Upstream(f"http://127.0.0.1:{closed_port()}")) as client:
        await client.send(get())
        message = await client.message()
        assert (message.status, json.loads(message.body)["error"]) == (502, "server_error")


async def test_upstream_name_that_does_not_exist_is_a_502() -> None:
    async with proxied(Upstream("http://does-not-exist.invalid")) as client:
        await client.send(get())
        assert (await client.message()).status == 502


async def test_connecting_that_takes_too_long_is_a_504() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with proxied(Upstream(url, timeouts=Timeouts(connect=0.2))) as client:
            await client.send(get())
            assert (await client.message()).status == 504


async def test_the_last_connection_used_is_used_first_and_the_others_grow_old() -> None:
    async def script(peer: Peer) -> None:
        number = upstream.connections
        while True:
            await peer.message()
            await gate.wait()
            await peer.send(answer(b"%d" % number))

    gate = asyncio.Event()
    async with (
        scripted(script) as upstream,
        serving(app := Upstream(upstream.url, timeouts=Timeouts(keepalive=0.4))) as port,
    ):
        async with connected(port) as one, connected(port) as two:
            await one.send(get())
            await two.send(get())
            await until(lambda: app.pool.active == 2)
            gate.set()
            await one.message()
            await two.message()
            assert app.pool.idle == 2
            used = set()
            for _ in range(10):
                await one.send(get())
                used.add((await one.message()).body)
                await asyncio.sleep(0.06)
            assert len(used) == 1
            assert app.pool.idle == 1
            await asyncio.sleep(0.6)
            assert app.pool.idle == 0
        await asyncio.wait_for(upstream.idle.wait(), PATIENCE)
        assert upstream.connections == 2


async def test_requests_wait_for_a_connection_in_a_bounded_queue() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.message()
            await gate.wait()
            await peer.send(answer())

    async def fetch(port: int) -> int:
        async with connected(port) as client:
            await client.send(get())
            message = await client.message()
            if message.status == 503:
                assert message.one(b"retry-after") == b"1"
                assert json.loads(message.body)["error"] == "temporarily_unavailable"
            return message.status

    gate = asyncio.Event()
    async with scripted(script) as upstream:
        app = Upstream(upstream.url, limits=Limits(connections=2, queue=3))
        async with serving(app) as port:
            fetches = [asyncio.ensure_future(fetch(port)) for _ in range(8)]
            await until(lambda: app.pool.waiting == 3 and sum(fetch.done() for fetch in fetches) == 3)
            assert (app.pool.active, app.pool.waiting) == (2, 3)
            gate.set()
            assert sorted(await asyncio.gather(*fetches)) == [200] * 5 + [503] * 3
            assert (app.pool.active, app.pool.waiting) == (0, 0)
        assert upstream.connections == 2


async def test_waiting_too_long_is_a_503_and_frees_the_place() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.message()
            await gate.wait()
            await peer.send(answer())

    gate = asyncio.Event()
    async with scripted(script) as upstream:
        app = Upstream(upstream.url, limits=Limits(connections=1), timeouts=Timeouts(queue=0.2))
        async with serving(app) as port, connected(port) as first, connected(port) as second:
            await first.send(get())
            await until(lambda: app.pool.active > 0)
            await second.send(get())
            assert (await second.message()).status == 503
            assert app.pool.waiting == 0
            gate.set()
            assert (await first.message()).status == 200
            await second.send(get())
            assert (await second.message()).status == 200


async def test_client_that_leaves_the_queue_leaves_no_gap() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.message()
            await gate.wait()
            await peer.send(answer())

    gate = asyncio.Event()
    async with scripted(script) as upstream:
        app = Upstream(upstream.url, limits=Limits(connections=1))
        async with serving(app) as port, connected(port) as first, connected(port) as third:
            await first.send(get())
            await until(lambda: app.pool.active > 0)
            async with connected(port) as second:
                await second.send(get())
                await until(lambda: app.pool.waiting > 0)
            await until(lambda: app.pool.waiting == 0)
            gate.set()
            assert (await first.message()).status == 200
            await third.send(get())
            assert (await third.message()).status == 200
            assert app.pool.active == 0


async def test_connection_that_the_upstream_closed_is_replaced_unseen() -> None:
    async def script(peer: Peer) -> None:
        await peer.message()
        await peer.send(answer())
        await peer.close()

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        for _ in range(5):
            await client.send(get(method="POST"))
            assert (await client.message()).status == 200
            await asyncio.wait_for(upstream.idle.wait(), PATIENCE)
        assert upstream.connections == 5


async def test_exchanges_are_told_to_the_observer() -> None:
    records: list[ExchangeRecord] = []
    async with scripted(echoing) as upstream, proxied(Upstream(upstream.url, on_exchange=records.append)) as client:
        for target in ("/a", "/b"):
            await client.send(get(target))
            await client.message()
        await client.send(get(method="TRACE"))
        await client.message()
    assert [(record.method, record.status, record.outcome, record.reused) for record in records] == [
        ("GET", 200, "ok", False),
        ("GET", 200, "ok", True),
        ("TRACE", None, "method_refused", False),
    ]
    assert all(0 <= (record.seconds_to_head or 0) <= record.seconds for record in records)


async def test_lifespan_shutdown_closes_idle_connections() -> None:
    async with scripted(echoing) as upstream:
        app = Upstream(upstream.url)
        async with proxied(app) as client:
            await client.send(get())
            await client.message()
            assert app.pool.idle == 1
        assert app.pool.idle == 0
        await asyncio.wait_for(upstream.idle.wait(), PATIENCE)


async def test_answer_under_way_breaks_when_the_pool_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        await peer.eof()

    async with scripted(script) as upstream:
        app = Upstream(upstream.url)
        async with proxied(app) as client:
            await client.send(get())
            await client.head()
            assert await client.chunk() == b"half"
            await app.aclose()
            assert await client.eof() == b""
    assert "UpstreamBroken" in caplog.text


@pytest.mark.parametrize("values", [{"connect": 0}, {"header": -1}, {"idle": 0}, {"keepalive": 0}, {"queue": 0}])
def test_times_that_make_no_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Timeouts(**values)


@pytest.mark.parametrize("values", [{"connections": 0}, {"queue": -1}, {"header_count": 0}, {"websocket_message": -1}])
def test_limits_that_make_no_sense_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="limits"):
        Limits(**values)
