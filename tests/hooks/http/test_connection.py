"""How answers are read: where they end, and what makes a connection unfit for another call."""

from __future__ import annotations

import asyncio

import pytest

from hookpoint.hooks.http.addresses import Addresses, AddressPolicy
from hookpoint.hooks.http.exchange import Caller, NoAnswer, NotReached
from tests.hooks.http.service import Behaviour, Request, Service, hang, running

OK = b"HTTP/1.1 200 OK\r\n"


def raw(*pieces: bytes, close: bool = False) -> Behaviour:
    """Send these bytes, a moment apart."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        if close:
            writer.close()

    return behave


def caller_of(service: Service) -> Caller:
    return Caller(service.url, Addresses(host="127.0.0.1", port=service.port, policy=AddressPolicy()), tls=None)


@pytest.mark.parametrize(
    "behaviour",
    [
        raw(OK + b"Content-Length: 5\r\n\r\nhello"),
        raw(OK, b"Content-Len", b"gth: 5\r\n\r", b"\nhel", b"lo"),
        raw(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"),
        raw(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", OK + b"Content-Length: 5\r\n\r\nhello"),
        raw(OK + b"\r\nhel", b"lo", close=True),
        raw(b"HTTP/1.0 200 OK\r\n\r\nhello", close=True),
    ],
)  # fmt: skip
async def test_an_answer_is_read_to_its_end(behaviour: Behaviour) -> None:
    async with running(behaviour) as service:
        caller = caller_of(service)
        for _ in range(2):
            answer = await caller.send("POST", b"{}", [])
            assert (answer.status, answer.body) == (200, b"hello")
            assert "trailer" not in answer.headers
            assert "link" not in answer.headers
        await caller.aclose()


@pytest.mark.parametrize(
    "behaviour",
    [
        raw(OK + b"Content-Length: 9\r\n\r\nhello", close=True),
        raw(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", close=True),
        raw(OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        raw(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
        raw(*[b"HTTP/1.1 100 Continue\r\n\r\n" * 12]),
        raw(OK + b"X: " + b"y" * 70_000),
        raw(OK, close=True),
    ],
)
async def test_what_has_no_certain_end_is_no_answer(behaviour: Behaviour) -> None:
    async with running(behaviour) as service:
        caller = caller_of(service)
        with pytest.raises(NoAnswer):
            await caller.send("POST", b"{}", [])
        await caller.aclose()


@pytest.mark.parametrize(
    "first",
    [
        raw(OK + b"Content-Length: 2\r\n\r\n{}" + OK + b"Content-Length: 5\r\n\r\nwrong"),
        raw(OK + b"Content-Length: 2\r\n\r\n{}garbage"),
        raw(OK + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"),
    ],
)
async def test_bytes_that_nobody_asked_for_are_no_answer_to_the_next(first: Behaviour) -> None:
    async with running(first, raw(OK + b"Content-Length: 4\r\n\r\nnext")) as service:
        caller = caller_of(service)
        assert (await caller.send("POST", b"{}", [])).body == b"{}"
        assert (await caller.send("POST", b"{}", [])).body == b"next"
        await caller.aclose()


async def test_an_answer_to_head_has_no_body() -> None:
    async with running(raw(OK + b"Content-Length: 5\r\n\r\n")) as service:
        caller = caller_of(service)
        answer = await caller.send("HEAD", b"", [])
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "5")
        await caller.aclose()


async def test_a_call_that_is_given_up_leaves_its_connection_to_nobody() -> None:
    reached = asyncio.Event()

    async def say_nothing(request: Request, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await hang(request, writer)

    async with running(say_nothing, raw(OK + b"Content-Length: 4\r\n\r\nnext")) as service:
        caller = caller_of(service)
        given_up = asyncio.create_task(caller.send("POST", b"{}", []))
        await reached.wait()
        given_up.cancel()
        await asyncio.wait({given_up})
        assert (await caller.send("POST", b"{}", [])).body == b"next"
        await caller.aclose()


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b", "a€"])
async def test_what_would_be_another_field_is_not_sent(value: str) -> None:
    async with running() as service:
        caller = caller_of(service)
        with pytest.raises(NotReached, match="webhook-id"):
            await caller.send("POST", b"{}", [("webhook-id", value)])
        assert not service.requests
        await caller.aclose()
