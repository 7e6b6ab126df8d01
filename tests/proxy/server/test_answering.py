"""What clients get when an application fails."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.proxy.server.connections import Recorder, serve
from tests.proxy.server.framing_cases import get, post, status_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SECRET = "a-secret-of-the-inside"


class UpstreamGoneError(Exception):
    """Stands for a failure that is expected in operation."""


def failing(error: Exception, *, after: int | None, length: int | None = None) -> ASGIApp:
    """An application that fails before its answer, or after so many pieces of it."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        if after is not None:
            headers = [] if length is None else [(b"content-length", b"%d" % length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for _piece in range(after):
                await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        raise error

    return app


async def test_failure_before_the_answer_is_a_500_without_internals() -> None:
    with capture_logs() as logs:
        async with serve(failing(ValueError(SECRET), after=None)) as server:
            answer = await server.exchange(get())
    assert status_of(answer) == 500
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "server_error"
    assert SECRET.encode() not in answer
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["request_failed"]


async def test_expected_failure_is_a_502_and_one_line() -> None:
    with capture_logs() as logs:
        async with serve(
            failing(UpstreamGoneError("cut"), after=None), expected_failures=(UpstreamGoneError,)
        ) as server:
            answer = await server.exchange(get())
    assert status_of(answer) == 502
    (entry,) = [entry for entry in logs if entry["event"] == "answer_broken"]
    assert entry["error"] == "cut"
    assert "exc_info" not in entry


@pytest.mark.parametrize("error", [UpstreamGoneError("cut"), ValueError("bug")])
@pytest.mark.parametrize("pieces", [0, 3])
async def test_failure_within_a_chunked_answer_breaks_it(error: Exception, pieces: int) -> None:
    app = failing(error, after=pieces)
    async with serve(app, expected_failures=(UpstreamGoneError,)) as server:
        answer = await server.exchange(get())
    assert status_of(answer) == 200
    assert answer.count(b"piece") == pieces
    assert not answer.endswith(b"0\r\n\r\n")


async def test_failure_within_an_answer_of_known_length_breaks_it() -> None:
    async with serve(
        failing(UpstreamGoneError("cut"), after=2, length=100), expected_failures=(UpstreamGoneError,)
    ) as server:
        answer = await server.exchange(get())
    assert len(answer.partition(b"\r\n\r\n")[2]) == 10


async def test_failure_within_an_answer_that_ends_with_the_connection_resets_it() -> None:
    async with serve(failing(UpstreamGoneError("cut"), after=2), expected_failures=(UpstreamGoneError,)) as server:
        with pytest.raises(ConnectionResetError):
            await server.exchange(b"GET /x HTTP/1.0\r\n\r\n")


async def test_http_1_0_gets_no_chunks() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    async with serve(app) as server:
        answer = await server.exchange(b"GET /x HTTP/1.0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == b"one two"


@pytest.mark.parametrize("begun", [True, False])
async def test_application_that_stops_without_an_answer(begun: bool) -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"piece", "more_body": True})

    async with serve(app) as server:
        answer = await server.exchange(get())
    if begun:
        assert not answer.endswith(b"0\r\n\r\n")
    else:
        assert status_of(answer) == 500


async def test_header_that_would_split_the_answer_is_not_sent() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"x-hook", b"a\r\nset-cookie: b=c")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x"})

    async with serve(app) as server:
        answer = await server.exchange(get())
    assert b"set-cookie" not in answer


async def test_refusal_without_reading_closes_for_a_client_that_waits_for_100() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with serve(app) as server:
        answer = await server.exchange(post(b"Expect: 100-continue\r\nContent-Length: 3\r\n"))
    assert status_of(answer) == 401
    assert b"connection: close" in answer.lower()


async def test_a_client_whose_body_went_wrong_is_not_asked_for_it() -> None:
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    may_ask = asyncio.Event()

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        await may_ask.wait()
        try:
            asked.set_result((await receive())["type"])
        except RuntimeError as error:
            asked.set_exception(error)

    async with serve(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post(b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", b"no chunk\r\n"))
        assert status_of(await reader.readuntil(b"\r\n\r\n")) == 400
        may_ask.set()
        assert await asked == "http.disconnect"
        writer.close()
        await writer.wait_closed()


async def test_every_request_of_a_connection_learns_that_the_client_left() -> None:
    left: list[str] = []
    all_left = asyncio.Event()
    first_runs = asyncio.Event()

    async def app(scope: Scope, receive: Receive, _: Send) -> None:
        first_runs.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.append(scope["path"])
        all_left.set()

    async with serve(app) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(get(b"/1") + get(b"/2"))
        await first_runs.wait()
        writer.close()
        await asyncio.wait_for(all_left.wait(), 2.0)
    assert left == ["/1"]


async def test_pipelined_requests_are_answered_in_order() -> None:
    app = Recorder()
    requests = b"".join(post(b"Content-Length: 1\r\n", b"%d" % number) for number in range(5))
    async with serve(app) as server:
        answer = await server.exchange(requests + get(headers=b"Connection: close\r\n"))
    assert app.bodies == [b"0", b"1", b"2", b"3", b"4", b""]
    assert [part[-1:] for part in answer.split(b"HTTP/1.1")[1:-1]] == [b"0", b"1", b"2", b"3", b"4"]
