"""Bytes behind a complete answer never reach the next client (RFC 9112 section 6.3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hookpoint.proxy.upstream import Upstream
from tests.proxy.upstream.certificates import Authority
from tests.proxy.upstream.wire import answer, get, proxied, scripted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from tests.proxy.upstream.wire import Peer

    Poison = Callable[[Peer, asyncio.Event], Awaitable[None]]

GOOD = answer(b"good")
FORGED = answer(b"POISONED")
ROUNDS = 5


async def same_write(peer: Peer, _answered: asyncio.Event) -> None:
    await peer.send(GOOD + FORGED)


async def two_parts_in_one_write(peer: Peer, _answered: asyncio.Event) -> None:
    peer.writer.writelines([GOOD, FORGED])
    await peer.writer.drain()


async def separate_writes(peer: Peer, _answered: asyncio.Event) -> None:
    await peer.send(GOOD)
    await peer.send(FORGED)


async def later_while_idle(peer: Peer, answered: asyncio.Event) -> None:
    await peer.send(GOOD)
    await answered.wait()
    await asyncio.sleep(0.01)
    await peer.send(FORGED)


async def line_break_behind(peer: Peer, _answered: asyncio.Event) -> None:
    await peer.send(GOOD + b"\r\n")


async def body_on_204(peer: Peer, _answered: asyncio.Event) -> None:
    await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n" + FORGED)


async def behind_chunks(peer: Peer, _answered: asyncio.Event) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + FORGED)


async def line_break_behind_chunks(peer: Peer, _answered: asyncio.Event) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n\r\n")


async def behind_head(peer: Peer, _answered: asyncio.Event) -> None:
    await peer.send(GOOD)


async def count_forged(poison: Poison, gap: float, tls: Authority | None) -> tuple[int, int]:
    """Run rounds of two requests and count forged answers to the second; returns that and connections used."""
    forged = 0
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.message()
            if request.target == b"/first":
                await poison(peer, answered)
            else:
                await peer.send(answer(b"second"))

    context: ssl.SSLContext | None = tls.server("localhost") if tls else None
    async with scripted(script, tls=context) as upstream:
        app = Upstream(upstream.url, ssl_context=tls.client() if tls else None)
        async with proxied(app) as client:
            for _ in range(ROUNDS):
                answered.clear()
                await client.send(get("/first"))
                first = await client.message()
                assert first.body in (b"good", b"")
                answered.set()
                await asyncio.sleep(gap)
                await client.send(get("/second"))
                second = await client.message()
                forged += second.body == b"POISONED"
                assert second.status in (200, 502)
                assert second.body != b"good"
        return forged, upstream.connections


AVOIDABLE = [
    same_write,
    two_parts_in_one_write,
    line_break_behind,
    body_on_204,
    behind_chunks,
    line_break_behind_chunks,
]


@pytest.mark.parametrize("gap", [0.0, 0.05])
@pytest.mark.parametrize("poison", AVOIDABLE, ids=lambda poison: poison.__name__)
async def test_U_forged_bytes_over_tcp_reach_nobody(poison: Poison, gap: float) -> None:
    # The second request of a round opens the connection that the next round's first one uses.
    assert await count_forged(poison, gap, None) == (0, ROUNDS + 1)


@pytest.mark.parametrize("poison", [separate_writes, later_while_idle], ids=lambda poison: poison.__name__)
async def test_U_forged_bytes_while_idle_over_tcp_reach_nobody(poison: Poison) -> None:
    forged, connections = await count_forged(poison, 0.05, None)
    assert forged == 0
    assert connections >= ROUNDS


@pytest.mark.parametrize("gap", [0.0, 0.05])
async def test_U_forged_bytes_in_the_same_tls_record_reach_nobody(gap: float, authority: Authority) -> None:
    assert (await count_forged(same_write, gap, authority))[0] == 0


@pytest.mark.parametrize("gap", [0.0, 0.05])
async def test_U_forged_bytes_in_two_tls_records_of_one_write_reach_nobody(gap: float, authority: Authority) -> None:
    assert (await count_forged(two_parts_in_one_write, gap, authority))[0] == 0


@pytest.mark.parametrize("poison", [separate_writes, later_while_idle], ids=lambda poison: poison.__name__)
async def test_U_forged_bytes_while_idle_over_tls_reach_nobody(poison: Poison, authority: Authority) -> None:
    assert (await count_forged(poison, 0.05, authority))[0] == 0


@pytest.mark.parametrize("poison", [*AVOIDABLE, separate_writes, later_while_idle], ids=lambda poison: poison.__name__)
async def test_U_one_connection_per_request_leaves_nothing_to_poison(poison: Poison) -> None:
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        request = await peer.message()
        assert request.one(b"connection") == b"close"
        if request.target == b"/first":
            await poison(peer, answered)
        else:
            await peer.send(answer(b"second"))

    async with scripted(script) as upstream, proxied(Upstream(upstream.url, reuse="never")) as client:
        for _ in range(ROUNDS):
            answered.clear()
            await client.send(get("/first"))
            await client.message()
            answered.set()
            await client.send(get("/second"))
            assert (await client.message()).body == b"second"
        assert upstream.connections == 2 * ROUNDS


async def test_U_body_behind_a_head_answer_reaches_nobody() -> None:
    async def script(peer: Peer) -> None:
        await peer.message()
        await peer.send(answer(b"body that HEAD has not"))
        await peer.eof()

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        for _ in range(3):
            await client.send(get("/", method="HEAD"))
            head = await client.message(bodiless=True)
            assert head.one(b"content-length") == b"22"
        assert upstream.connections == 3


async def test_U_good_answers_share_a_connection() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.message()
            await peer.send(GOOD)

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        for _ in range(ROUNDS):
            await client.send(get())
            assert (await client.message()).body == b"good"
        assert upstream.connections == 1
