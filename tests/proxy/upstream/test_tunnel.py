"""WebSockets through the proxy, between two ends of the websockets library (RFC 6455)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from hookpoint.proxy.upstream import ExchangeRecord, Limits, Timeouts, Upstream
from tests.proxy.upstream.wire import PATIENCE, Peer, answer, connected, get, scripted, serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send
    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Request, Response

    from tests.proxy.upstream.certificates import Authority

    Handler = Callable[[ServerConnection], Awaitable[None]]
    Gate = Callable[[ServerConnection, Request], Response | None]


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def upstream(
    handler: Handler,
    *,
    gate: Gate | None = None,
    subprotocols: list[Subprotocol] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    async with serve(
        handler, "127.0.0.1", 0, process_request=gate, subprotocols=subprotocols, ssl=tls, max_size=None
    ) as server:
        (listener,) = server.sockets
        yield f"{'https' if tls else 'http'}://localhost:{listener.getsockname()[1]}"


def dial(port: int, path: str = "/", **options: object) -> connect:
    return connect(f"ws://127.0.0.1:{port}{path}", proxy=None, **options)  # type: ignore[arg-type]


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.recv(), PATIENCE)
    return client.close_code, client.close_reason


async def test_O_websocket_echoes_text_and_binary() -> None:
    async with upstream(echo) as url, serving(Upstream(url)) as port, dial(port) as client:
        for message in ("text ä", b"\x00\xff", "", b"", "x" * 100_000):
            await client.send(message)
            assert await client.recv() == message


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1000, "done"), (1008, "policy"), (3001, "a"), (4999, "ä")])
async def test_O_websocket_close_of_the_upstream_reaches_the_client(code: int, reason: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    async with upstream(handler) as url, serving(Upstream(url)) as port, dial(port) as client:
        assert await closed(client) == (code, reason)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4000, "ä")])
async def test_O_websocket_close_of_the_client_reaches_the_upstream(code: int, reason: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()
        seen.set_result((connection.close_code, connection.close_reason))

    seen: asyncio.Future[tuple[int | None, str | None]] = asyncio.get_running_loop().create_future()
    async with upstream(handler) as url, serving(Upstream(url)) as port, dial(port) as client:
        await client.close(code, reason)
        assert await asyncio.wait_for(seen, PATIENCE) == (code, reason)


async def test_websocket_that_is_cut_off_is_cut_off_on_the_other_side_too(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(connection: ServerConnection) -> None:
        if await connection.recv() == "cut":
            connection.transport.abort()
            return
        await connection.wait_closed()
        seen.set_result(connection.close_code)

    seen: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    async with upstream(handler) as url, serving(Upstream(url)) as port:
        async with dial(port) as client:
            await client.send("cut")
            assert (await closed(client))[0] == 1006
        async with dial(port) as client:
            await client.send("stay")
            client.transport.abort()
            assert await asyncio.wait_for(seen, PATIENCE) == 1006
    assert "UpstreamBroken" in caplog.text


async def test_websocket_subprotocols_are_negotiated_end_to_end() -> None:
    offered = [Subprotocol(name) for name in "abc"]
    async with (
        upstream(echo, subprotocols=offered[1:]) as url,
        serving(Upstream(url)) as port,
        dial(port, subprotocols=offered) as client,
    ):
        assert client.subprotocol == "b"
    async with upstream(echo) as url, serving(Upstream(url)) as port, dial(port, subprotocols=offered) as client:
        assert client.subprotocol is None


async def test_websocket_handshake_arrives_as_a_proxy_must_send_it() -> None:
    seen: list[Request] = []

    def gate(_connection: ServerConnection, request: Request) -> Response | None:
        seen.append(request)
        return None

    async with upstream(echo, gate=gate) as url:
        app = Upstream(url, secret_header=("X-Upstream-Secret", "s3cret"))
        async with serving(app) as port:
            extra = {"Cookie": "a=b", "X-Upstream-Secret": "guess", "X-Forwarded-For": "10.0.0.1"}
            target = "/x/../y;p=1?a=%2f&b"
            async with dial(port, target, origin="https://app.test", additional_headers=extra) as client:
                await client.send("x")
                await client.recv()
    (request,) = seen
    assert request.path == target
    headers = request.headers
    assert headers.get_all("Host") == [f"127.0.0.1:{port}"]
    assert headers.get_all("Origin") == ["https://app.test"]
    assert headers.get_all("Cookie") == ["a=b"]
    assert headers.get_all("X-Upstream-Secret") == ["s3cret"]
    assert headers.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert headers.get_all("X-Forwarded-Proto") == ["http"]
    assert headers.get_all("Via") == ["1.1 hookpoint"]
    assert headers.get_all("Sec-WebSocket-Extensions") == []
    assert len(headers.get_all("User-Agent")) == 1
    assert "websockets" in headers["User-Agent"]


async def test_websocket_denial_is_passed_on() -> None:
    def gate(connection: ServerConnection, _request: Request) -> Response | None:
        response = connection.respond(401, "who are you?")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    async with upstream(echo, gate=gate) as url, serving(Upstream(url)) as port:
        with pytest.raises(InvalidStatus) as denied:
            await dial(port)
    response = denied.value.response
    assert (response.status_code, bytes(response.body)) == (401, b"who are you?")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def without_denials(app: ASGIApp) -> ASGIApp:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope["extensions"] = {}
        await app(scope, receive, send)

    return plain


async def test_websocket_denial_is_a_403_where_the_server_can_say_no_more() -> None:
    def gate(connection: ServerConnection, _request: Request) -> Response | None:
        return connection.respond(401, "who are you?")

    async with upstream(echo, gate=gate) as url, serving(without_denials(Upstream(url))) as port:
        with pytest.raises(InvalidStatus) as denied:
            await dial(port)
    assert denied.value.response.status_code == 403


async def test_websocket_redirect_is_an_answer_and_not_followed() -> None:
    followed = asyncio.Event()

    async def elsewhere(peer: Peer) -> None:
        followed.set()
        await peer.eof()

    async with scripted(elsewhere) as other:

        def gate(connection: ServerConnection, _request: Request) -> Response | None:
            response = connection.respond(302, "")
            response.headers["Location"] = f"ws://127.0.0.1:{other.port}/"
            return response

        async with upstream(echo, gate=gate) as url, serving(Upstream(url)) as port:
            raw = get(
                "/",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: " + "A" * 22 + "==",
            )
            async with connected(port) as client:
                await client.send(raw)
                assert (await client.head())[0].startswith(b"HTTP/1.1 302")
    assert not followed.is_set()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 502),
        (b"nonsense\r\n\r\n", 502),
        (answer(b"ok"), 200),
        (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 502),
    ],
)
async def test_websocket_handshake_that_fails_is_an_error(data: bytes, status: int) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(data)
        await peer.close()

    async with scripted(script) as broken, serving(Upstream(broken.url)) as port:
        with pytest.raises(InvalidStatus) as denied:
            await dial(port)
    assert denied.value.response.status_code == status


async def test_websocket_upstream_that_never_answers_is_a_504() -> None:
    async def script(peer: Peer) -> None:
        await peer.eof()

    async with (
        scripted(script) as silent,
        serving(Upstream(silent.url, timeouts=Timeouts(connect=0.1, header=0.1))) as port,
    ):
        with pytest.raises(InvalidStatus) as denied:
            await dial(port)
    assert denied.value.response.status_code == 504


async def test_websocket_client_that_leaves_during_the_handshake_cancels_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.eof()
        gone.set()

    asked, gone = asyncio.Event(), asyncio.Event()
    records: list[ExchangeRecord] = []
    async with scripted(script) as silent, serving(Upstream(silent.url, on_exchange=records.append)) as port:
        async with connected(port) as client:
            await client.send(
                get(
                    "/",
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: " + "A" * 22 + "==",
                )
            )
            await asyncio.wait_for(asked.wait(), PATIENCE)
        await asyncio.wait_for(gone.wait(), PATIENCE)
    assert [(record.kind, record.outcome) for record in records] == [("websocket", "client_gone")]


async def test_websocket_messages_are_bounded_both_ways() -> None:
    async def handler(connection: ServerConnection) -> None:
        if await connection.recv() == "send":
            await connection.send("x" * 2000)
        await connection.wait_closed()
        codes.put_nowait(connection.close_code)

    codes: asyncio.Queue[int | None] = asyncio.Queue()
    async with upstream(handler) as url, serving(Upstream(url, limits=Limits(websocket_message=1000))) as port:
        async with dial(port) as client:
            await client.send("send")
            assert (await closed(client))[0] == 1009
            assert await asyncio.wait_for(codes.get(), PATIENCE) == 1009
        async with dial(port) as client:
            await client.send("ä" * 501)
            assert (await closed(client))[0] == 1009


async def test_websockets_are_bounded_in_number() -> None:
    async with upstream(echo) as url, serving(Upstream(url, limits=Limits(websockets=1))) as port:
        async with dial(port) as first:
            with pytest.raises(InvalidStatus) as denied:
                await dial(port)
            assert denied.value.response.status_code == 503
            await first.send("still here")
            assert await first.recv() == "still here"
        while True:
            try:
                second = await dial(port)
            except InvalidStatus:
                await asyncio.sleep(0.01)  # the first one is still being closed
            else:
                break
        await second.send("free again")
        assert await second.recv() == "free again"
        await second.close()


async def test_websocket_over_tls_is_verified(authority: Authority) -> None:
    async with upstream(echo, tls=authority.server("localhost")) as url:
        async with serving(Upstream(url, ssl_context=authority.client())) as port, dial(port) as client:
            await client.send("sealed")
            assert await client.recv() == "sealed"
        async with serving(Upstream(url)) as port:
            with pytest.raises(InvalidStatus) as denied:
                await dial(port)
            assert denied.value.response.status_code == 502


async def test_websocket_frames_come_one_by_one() -> None:
    async def handler(connection: ServerConnection) -> None:
        for number in range(5):
            await connection.send(str(number))
            assert await connection.recv() == "seen"

    async with upstream(handler) as url, serving(Upstream(url)) as port, dial(port) as client:
        for number in range(5):
            assert await client.recv() == str(number)
            await client.send("seen")
        assert await closed(client) == (1000, "")


async def test_websocket_handshake_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with upstream(echo) as url:
        app = Upstream(url, secret_header=("X-Upstream-Secret", "s3cret-value"))
        caplog.set_level(logging.DEBUG)
        logging.getLogger("websockets.server").setLevel(logging.INFO)
        logging.getLogger("websockets.client").setLevel(logging.INFO)
        async with serving(app) as port, dial(port) as client:
            await client.send("x")
            await client.recv()
    assert "s3cret-value" not in caplog.text
