"""Requests as the upstream gets them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from hookpoint.proxy.upstream import Upstream
from tests.proxy.upstream.wire import answer, connected, get, proxied, scripted, serving

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from tests.proxy.upstream.wire import Message, Peer


def exactly(app: ASGIApp, target: bytes) -> ASGIApp:
    """Put the exact target into the scope, as a server does that keeps it."""

    async def with_target(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["hookpoint.target"] = target
        await app(scope, receive, send)

    return with_target


async def forwarded(data: bytes, app: Upstream | None = None, *, target: bytes | None = None) -> Message:
    """Send bytes through the proxy and return the request the upstream got."""
    requests: list[Message] = []

    async def script(peer: Peer) -> None:
        while True:
            requests.append(await peer.message())
            await peer.send(answer())

    async with scripted(script) as upstream:
        chosen: ASGIApp = app or Upstream(upstream.url, secret_header=("X-Upstream-Secret", "s3cret"))
        if target is not None:
            chosen = exactly(chosen, target)
        async with proxied(chosen) as client:
            await client.send(data)
            assert (await client.message()).status == 200
    assert len(requests) == 1
    return requests[0]


TARGETS = [
    "/x/../y", "/./a", "//", "//a//b", "/a%2fb", "/%2e%2e/b", "/%74oken", "/a;b=c", "/A%c3%a9", "/a?b=c&b=d",
    "/a?b?c", "/a?/../b", "/~u/(x)'!*", "/a%00b", "/a%0a", '/"<>|', "/a%",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
async def test_targets_arrive_byte_for_byte(target: str) -> None:
    assert (await forwarded(get(target))).target == target.encode()


@pytest.mark.parametrize("target", [b"/x?", b"/?", b"/x/../y?", b"/%2f?a=b?", b"//?"])
async def test_exact_targets_of_the_server_arrive_byte_for_byte(target: bytes) -> None:
    assert (await forwarded(get(target.decode()), target=target)).target == target


async def test_fields_arrive_as_a_proxy_must_send_them() -> None:
    request = await forwarded(
        get(
            "/",
            "X-Two: 1",
            "x-two: 2",
            "Connection: keep-alive, X-Forwarded-For, X-Upstream-Secret, X-Gone",
            "X-Gone: x",
            "Keep-Alive: 5",
            "TE: trailers",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
            "Proxy-Authorization: Basic eDp5",
            "X-Forwarded-For: 10.0.0.1",
            "X_Forwarded_For: 10.0.0.1",
            "X-Forwarded-Prefix: /evil",
            "Forwarded: for=10.0.0.1",
            "X-Real-IP: 10.0.0.1",
            "X-HTTP-Method-Override: DELETE",
            "X-Upstream-Secret: guess",
            "X_Upstream_Secret: guess",
            "Accept-Encoding: br",
        )
    )
    assert request.fields == [
        (b"host", b"login.test"),
        (b"x-two", b"1"),
        (b"x-two", b"2"),
        (b"accept-encoding", b"br"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-port", b"80"),
        (b"x-forwarded-host", b"login.test"),
        (b"x-real-ip", b"127.0.0.1"),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"forwarded", b'for=127.0.0.1;host="login.test";proto=http'),
        (b"via", b"1.1 hookpoint"),
        (b"x-upstream-secret", b"s3cret"),
    ]


async def test_body_with_length_goes_out_with_its_head_as_it_came() -> None:
    request = await forwarded(get("/", "Content-Length: 4", "Content-Type: a/b", method="POST") + b"body")
    assert (request.body, request.all(b"content-length"), request.all(b"transfer-encoding")) == (b"body", [b"4"], [])


async def test_chunked_body_goes_out_chunked() -> None:
    body = b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
    request = await forwarded(get("/", "Transfer-Encoding: chunked", method="POST") + body)
    assert (request.body, request.all(b"content-length"), request.all(b"transfer-encoding")) == (
        b"body",
        [],
        [b"chunked"],
    )


async def test_expect_is_answered_in_front_and_not_sent_on() -> None:
    async def script(peer: Peer) -> None:
        while True:
            requests.append(await peer.message())
            await peer.send(answer())

    requests: list[Message] = []
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
        assert (await client.head())[0] == b"HTTP/1.1 100 Continue"
        await client.send(b"body")
        assert (await client.message()).status == 200
        await client.send(get("/next"))
        assert (await client.message()).status == 200
    assert [(request.body, request.one(b"expect")) for request in requests] == [(b"body", None), (b"", None)]


async def test_body_in_a_second_small_write_does_not_wait_for_an_acknowledgement() -> None:
    """Nagle's algorithm and delayed acknowledgements together would cost 40 ms a request."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.message()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            await peer.send(b"ok")

    took = []
    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        for _ in range(15):
            started = time.perf_counter()
            await client.send(get("/", "Content-Length: 4", method="POST"))
            await client.send(b"body")
            assert (await client.message()).body == b"ok"
            took.append(time.perf_counter() - started)
    assert min(took) < 0.03


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        (get(method="TRACE"), 405, "invalid_request"),
        (get("/", "Via: 1.1 hookpoint"), 508, "server_error"),
        (get("/", "Host: second.test"), 400, "invalid_request"),
        (get("/", "Transfer-Encoding: gzip, chunked", method="POST") + b"0\r\n\r\n", 501, "invalid_request"),
    ],
)
async def test_requests_that_cannot_be_forwarded_never_reach_the_upstream(data: bytes, status: int, error: str) -> None:
    async def script(peer: Peer) -> None:
        raise AssertionError(await peer.message())

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(data)
        message = await client.message()
        assert (message.status, json.loads(message.body)["error"]) == (status, error)
        assert (message.one(b"allow") is not None) is (status == 405)


async def test_options_with_no_forwards_left_is_answered_here() -> None:
    async def script(peer: Peer) -> None:
        raise AssertionError(await peer.message())

    async with scripted(script) as upstream, proxied(Upstream(upstream.url)) as client:
        await client.send(get("/", "Max-Forwards: 0", method="OPTIONS"))
        assert (await client.message()).status == 200


async def test_a_proxy_in_front_of_itself_is_a_loop() -> None:
    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await apps[0](scope, receive, send)

    apps: list[Upstream] = []
    async with serving(route) as port:
        apps.append(Upstream(f"http://127.0.0.1:{port}"))
        async with connected(port) as client:
            await client.send(get())
            assert (await client.message()).status == 508
        await apps[0].aclose()


async def test_trusted_peers_are_appended_to() -> None:
    requests: list[Message] = []

    async def script(peer: Peer) -> None:
        requests.append(await peer.message())
        await peer.send(answer())

    async with scripted(script) as upstream:
        app = Upstream(upstream.url, trusted_proxies=["127.0.0.0/8"])
        async with proxied(app) as client:
            await client.send(
                get(
                    "/",
                    "X-Forwarded-For: 192.0.2.1",
                    "X-Forwarded-Proto: https",
                    "X-Forwarded-Host: a.test",
                    "CF-Ray: 1",
                )
            )
            await client.message()
    (request,) = requests
    assert request.one(b"x-forwarded-for") == b"192.0.2.1, 127.0.0.1"
    assert request.one(b"x-forwarded-proto") == b"https"
    assert request.one(b"x-forwarded-host") == b"a.test"
    assert request.one(b"x-forwarded-port") == b"443"
    assert request.one(b"x-real-ip") == b"192.0.2.1"
    assert request.one(b"cf-ray") == b"1"
    assert request.one(b"host") == b"login.test"


async def test_base_path_stands_in_front_of_every_target() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.send(answer((await peer.message()).target))

    async with scripted(script) as upstream, proxied(Upstream(f"{upstream.url}/tenant/a/")) as client:
        for target, status, body in [
            ("/x?y", 200, b"/tenant/a/x?y"),
            ("/", 200, b"/tenant/a/"),
            ("/../b/x", 400, None),
        ]:
            await client.send(get(target))
            message = await client.message()
            assert message.status == status
            assert body is None or message.body == body
