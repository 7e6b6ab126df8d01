"""WebSockets: the same checks, the exact target, broken connections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.proxy.server.connections import serve
from tests.proxy.server.framing_cases import get, status_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HANDSHAKE = (
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the target, then every message back; fail when told to."""
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"] == "/fail":
        raise ValueError("bug")
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "bytes": scope["hookpoint.target"]})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "fail":
            raise ValueError("bug")
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
            return
        await send({**message, "type": "websocket.send"})


async def test_O_websocket_echo_and_close_codes() -> None:
    async with serve(echo) as server, connect(f"ws://127.0.0.1:{server.port}/a%2Fb?c") as client:
        assert await client.recv() == b"/a%2Fb?c"
        await client.send("text")
        assert await client.recv() == "text"
        await client.send(b"\x00\xff")
        assert await client.recv() == b"\x00\xff"
        await client.send("close")
        with pytest.raises(ConnectionClosedError) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "bye")


async def test_target_is_in_the_scope_byte_for_byte() -> None:
    target = b"/a%2Fb//c;d?"
    async with serve(echo) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(get(target, HANDSHAKE))
        assert status_of(await reader.readuntil(b"\r\n\r\n")) == 101
        assert await reader.readexactly(2 + len(target)) == b"\x82" + bytes([len(target)]) + target
        writer.close()


async def test_failure_breaks_the_connection() -> None:
    async with serve(echo) as server, connect(f"ws://127.0.0.1:{server.port}/") as client:
        await client.recv()
        await client.send("fail")
        with pytest.raises(ConnectionClosedError) as closed:
            await client.recv()
    assert closed.value.rcvd is None


async def test_failure_before_the_handshake_is_a_500() -> None:
    async with serve(echo) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{server.port}/fail"):
                pass
    assert refused.value.response.status_code == 500


async def test_head_that_the_websocket_side_cannot_parse_is_answered() -> None:
    async with serve(echo) as server:
        answer = await server.exchange(get(headers=HANDSHAKE + b"Cookie: " + b"x" * 9000 + b"\r\n"))
    assert status_of(answer) == 431


async def test_client_that_does_not_wait_for_the_handshake_is_cut_off() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hesitant(_: Scope, receive: Receive, __: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        asked.set()
        assert (await receive())["type"] == "websocket.disconnect"
        gone.set()

    async with serve(hesitant) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(get(headers=HANDSHAKE))
        await asked.wait()
        writer.write(b"\x81\x80\0\0\0\0")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read(-1) == b""
        await asyncio.wait_for(gone.wait(), 2.0)
        writer.close()


async def test_handshake_behind_a_running_request_is_refused() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with serve(app) as server:
        answer = await server.exchange(get() + get(headers=HANDSHAKE))
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"HTTP/1.1 400") == 1
