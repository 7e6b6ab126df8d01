"""Clients that are slow, leave, or come while the product stops; what operators see of all that."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from tests.partners.loopback import open_http
from tests.partners.resource_server import read_claims
from tests.proxy.e2e.product import eventually
from tests.proxy.upstream.wire import Message, Peer, answer
from tests.security.raw_upstream import JSON
from tests.security.stage import GRANT, HOOKED, Stage, page_request, run_stage, token_request

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = bytes(64 * 1024)
PATIENCE = 15.0


async def set_within(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, PATIENCE)


async def test_O_each_event_of_a_stream_arrives_before_the_next_is_sent(stage: Stage) -> None:
    arrived = [threading.Event() for _ in range(3)]

    async def events(peer: Peer, _: Message) -> None:
        await peer.send(STREAM)
        for event in arrived:
            await peer.send(b"9\r\ndata: 1\n\n\r\n")
            assert await set_within(event)
        await peer.send(b"0\r\n\r\n")

    stage.upstream.behaviours[b"/events"] = events
    async with stage.connected() as client:
        await client.send(page_request(b"/events"))
        await client.head()
        for event in arrived:
            assert await client.chunk() == b"data: 1\n\n"
            event.set()
        assert await client.chunk() == b""


async def test_O_a_client_that_leaves_ends_the_call(stage: Stage) -> None:
    left = threading.Event()

    async def wait(peer: Peer, _: Message) -> None:
        await peer.send(STREAM)
        await peer.eof()
        left.set()

    stage.upstream.behaviours[b"/events"] = wait
    async with stage.connected() as client:
        await client.send(page_request(b"/events"))
        await client.head()
    assert await set_within(left)


async def test_O_a_client_that_leaves_a_token_call_does_not_stop_what_it_began(stage: Stage) -> None:
    gone = threading.Event()

    async def answer_late(peer: Peer, _: Message) -> None:
        assert await set_within(gone)
        await peer.send(answer(stage.upstream.token_answer(), JSON))

    stage.upstream.behaviours[b"/oauth/token"] = answer_late
    async with stage.connected() as client:
        await client.send(token_request("left"))
        await asyncio.to_thread(stage.upstream.wait_for, b"/oauth/token")
    gone.set()

    async def runs() -> list[str]:
        return stage.hook_runs()

    await eventually(runs, lambda marks: "left" in marks)


async def test_O_a_client_that_reads_nothing_stops_the_server_and_costs_no_memory(stage: Stage) -> None:
    sent, stalled = [0], threading.Event()

    async def endless(peer: Peer, _: Message) -> None:
        await peer.send(STREAM)
        try:
            while sent[0] < 512:
                await asyncio.wait_for(peer.send(b"%x\r\n%s\r\n" % (len(PIECE), PIECE)), 1.0)
                sent[0] += 1
        except TimeoutError:
            stalled.set()

    stage.upstream.behaviours[b"/endless"] = endless
    process = psutil.Process(stage.product.pid)
    before = process.memory_info().rss
    async with stage.connected() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(page_request(b"/endless"))
        assert await set_within(stalled)
        assert process.memory_info().rss - before < 32 * 2**20
    assert b"heard /other 0" in await stage.exchange(page_request(b"/other"))


async def test_O_what_operators_read_is_not_reachable_by_clients(stage: Stage) -> None:
    admin = stage.product.admin.removeprefix("http://")
    for path in ("/metrics", "/livez", "/readyz"):
        async with open_http() as http:
            assert (await http.get(stage.product.admin + path)).status_code == 200
        for host in ("login.test", admin):
            request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            assert f"heard {path} 0".encode() in await stage.exchange(request.encode())
        for target in (stage.product.admin + path, admin):
            request = f"GET {target} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n"
            assert (await stage.exchange(request.encode())).startswith(b"HTTP/1.1 400 ")


async def series(stage: Stage) -> set[str]:
    async with open_http() as http:
        text = (await http.get(f"{stage.product.admin}/metrics")).text
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


async def try_everything(stage: Stage, name: str) -> None:
    for method in (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"):
        length = b"" if method in (b"GET", b"DELETE", b"OPTIONS") else b"Content-Length: 0\r\n"
        target = f"/{name}/{method.decode()}?{name}".encode()
        fields = f"User-Agent: {name}\r\nX-Request-Id: {name}\r\n".encode()
        await stage.exchange(page_request(target, method=method, headers=fields + length))
    await stage.exchange(token_request(name, client=name))
    await stage.exchange(page_request(b"/oauth//token", method=b"POST", headers=b"Content-Length: 0\r\n"))
    await stage.exchange(b"BREW / HTTP/1.1\r\n\r\n")


async def test_O_no_client_makes_figures_grow(stage: Stage) -> None:
    await try_everything(stage, "first")
    before = await series(stage)
    for number in range(20):
        await try_everything(stage, f"n{number}")
    assert await series(stage) == before
    assert not [each for each in before if "first" in each or "m2m" in each]


async def test_O_logs_hold_no_token_no_secret_and_no_line_of_a_client(stage: Stage) -> None:
    status, _, body = (await stage.exchange(token_request("logged"))).partition(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 200 ")
    token = json.loads(body)["access_token"]
    assert read_claims(token)[HOOKED] == "logged"
    stage.upstream.behaviours[b"/oauth/token"] = token_in_garbage
    await stage.exchange(token_request("garbage"))
    forged = b'/x%0a{"event":"forged"}?access_token=' + token.encode()
    await stage.exchange(page_request(forged, headers=b'X-Request-Id: a"b\r\nUser-Agent: {"event":"forged"}\r\n'))
    stage.product.events("upstream_answer_invalid")
    log = "".join(stage.product.lines)
    for secret in (token, token.split(".")[2], "a-secret", GRANT.decode(), "TOKEN-IN-GARBAGE"):
        assert secret not in log
    assert all(isinstance(json.loads(line), dict) for line in stage.product.lines)
    assert not [line for line in stage.product.lines if json.loads(line).get("event") == "forged"]


async def token_in_garbage(peer: Peer, _: Message) -> None:
    await peer.send(answer(b'{"access_token":"TOKEN-IN-GARBAGE"', JSON))


class Load:
    """Clients that ask for tokens and pages until the product lets nobody in any more."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.answered = 0
        self.lost: list[bytes] = []
        self.heavy = asyncio.Event()

    async def ask(self, request: bytes, is_good: Callable[[bytes], bool]) -> None:
        while True:
            try:
                got = await self.stage.exchange(request)
            except ConnectionRefusedError:
                return
            if is_good(got):
                self.answered += 1
            else:
                self.lost.append(got)
            if self.answered == 60:
                self.heavy.set()


def is_token(got: bytes) -> bool:
    head, _, body = got.partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 200 ") and HOOKED in read_claims(json.loads(body)["access_token"])


async def test_O_a_stop_under_load_loses_no_answer(tmp_path: Path) -> None:
    with run_stage(tmp_path) as stage:
        load = Load(stage)
        clients: list[Awaitable[None]] = [load.ask(token_request("load"), is_token) for _ in range(3)]
        clients += [load.ask(page_request(b"/slow"), lambda got: got.endswith(b"heard /slow 0")) for _ in range(2)]
        asking = asyncio.gather(*clients)
        await asyncio.wait_for(load.heavy.wait(), 60)
        os.kill(stage.product.pid, signal.SIGTERM)
        await asyncio.wait_for(asking, 60)
    assert load.lost == []
    assert load.answered >= 60
    assert re.search("serving_stopped", "".join(stage.product.lines))
