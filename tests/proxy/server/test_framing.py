"""Requests that must never reach an application, and those that must reach it as they were sent."""

from __future__ import annotations

import asyncio

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proxy.server.connections import Recorder, serve
from tests.proxy.server.framing_cases import (
    ACCEPTED,
    CHUNKED,
    REFUSED_BODIES,
    REFUSED_HEADS,
    SMUGGLED,
    check_refusal,
    get,
    post,
    status_of,
)


@pytest.mark.parametrize("name", REFUSED_HEADS)
async def test_refused_head(name: str) -> None:
    status, request = REFUSED_HEADS[name]
    app = Recorder()
    async with serve(app) as server:
        check_refusal(await server.exchange(request + SMUGGLED), status)
        check_refusal(await server.exchange(request, SMUGGLED), status)
    assert app.scopes == []


@pytest.mark.parametrize("name", REFUSED_BODIES)
async def test_refused_body(name: str) -> None:
    status, request = REFUSED_BODIES[name]
    app = Recorder()
    async with serve(app) as server:
        check_refusal(await server.exchange(request + SMUGGLED), status)
        assert [scope["path"] for scope in app.scopes] == ["/x"]
        assert app.disconnects == 1
    assert app.bodies == []


@pytest.mark.parametrize("name", REFUSED_HEADS)
async def test_refused_after_a_good_request_is_answered_in_order(name: str) -> None:
    status, request = REFUSED_HEADS[name]
    app = Recorder()
    async with serve(app) as server:
        answer = await server.exchange(post(b"Content-Length: 3\r\n", b"abc") + request + SMUGGLED)
    assert app.bodies == [b"abc"]
    assert status_of(answer) == 200
    _, _, rest = answer.partition(b"\r\n\r\n")
    assert rest.startswith(b"abc")
    check_refusal(rest[3:], status)


@pytest.mark.parametrize("name", ACCEPTED)
async def test_accepted(name: str) -> None:
    request, body = ACCEPTED[name]
    app = Recorder()
    last = get(b"/last", b"Connection: close\r\n")
    async with serve(app) as server:
        answer = await server.exchange(request + last)
        in_pieces = await server.exchange(
            *(request[at : at + 7] for at in range(0, min(len(request), 700), 7)), request[700:] + last
        )
    assert app.bodies == [body, b"", body, b""]
    for text in (answer, in_pieces):
        assert text.count(b"HTTP/1.1 200 OK") == 2
        assert text.count(b"HTTP/1.1 100 Continue") == (1 if name == "H_expect_with_body" else 0)
    for scope in app.scopes:
        names = [name for name, _ in scope["headers"]]
        assert names.count(b"host") == 1
        assert not {b"authorization", b"upgrade", b"http2-settings"}.intersection(names)


async def test_connection_close_ends_a_pipeline() -> None:
    app = Recorder()
    async with serve(app) as server:
        answer = await server.exchange(get(headers=b"Connection: close, X-Forwarded-For\r\n") + SMUGGLED)
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert app.targets == [b"/x"]


async def test_options_star_is_the_only_star() -> None:
    app = Recorder()
    async with serve(app) as server:
        answer = await server.exchange(get(b"*", b"Connection: close\r\n", method=b"OPTIONS"))
    assert status_of(answer) == 200
    assert app.targets == [b"*"]
    assert app.scopes[0]["path"] == "*"


async def test_refusing_head_request_sends_no_body() -> None:
    async with serve(Recorder()) as server:
        answer = await server.exchange(get(method=b"HEAD", host=b""))
    assert status_of(answer) == 400
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("declared", [b"Content-Length: 10\r\n", CHUNKED])
@pytest.mark.parametrize("half_close", [True, False])
async def test_truncated_upload_is_never_complete(declared: bytes, half_close: bool) -> None:
    app = Recorder()
    body = b"abc" if declared.startswith(b"Content") else b"3\r\nabc\r\n"
    async with serve(app) as server:
        if half_close:
            await server.exchange(post(declared, body), half_close=True)
        else:
            with pytest.raises(TimeoutError):
                await server.exchange(post(declared, body), timeout=0.05)
        await asyncio.wait_for(app.disconnected.wait(), 5.0)
    assert app.disconnects == 1
    assert app.bodies == []


@given(
    st.text(alphabet="".join(map(chr, range(0x21, 0x7F))).replace("#", ""), max_size=60).map(
        lambda text: b"/" + text.encode()
    )
)
def test_raw_path_and_query_are_the_target(target: bytes) -> None:
    parsed = httptools.parse_url(target)
    path, mark, query = target.partition(b"?")
    assert parsed.path == path
    assert (parsed.query or b"") == (query if mark else b"")


@pytest.mark.parametrize(
    "target", [b"/x", b"/x?", b"/x?a=b?c", b"//x//y", b"/%74oken", b"/a/../b;c=d", b"/a\\b", b"/?"]
)
async def test_target_is_in_the_scope_byte_for_byte(target: bytes) -> None:
    app = Recorder()
    async with serve(app) as server:
        await server.exchange(get(target, b"Connection: close\r\n"))
    assert app.targets == [target]
    assert app.scopes[0]["raw_path"] == target.partition(b"?")[0]
