"""A server that answers with whatever bytes it likes, behind the product: clients get a whole answer of their own, or an error."""

from __future__ import annotations

import asyncio
import gzip
import json
from urllib.parse import urlsplit

import pytest

from tests.partners.resource_server import read_claims
from tests.proxy.upstream.answer_cases import CUT, INVALID, OK
from tests.proxy.upstream.wire import Message, Peer, answer
from tests.security.raw_upstream import JSON, Behaviour, say
from tests.security.stage import HOOKED, Stage, page_request, token_request

TOKEN = b"/oauth/token"
FORGED = b'{"access_token":"FORGED","token_type":"Bearer"}'
POISON = answer(FORGED, JSON)


def status_and_body(data: bytes) -> tuple[int, bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def assert_no_token(stage: Stage, behaviour: Behaviour, *, statuses: tuple[int, ...] = (502,)) -> None:
    """Ask once for a token; it is refused, was asked for once, and the next answer is a good one."""
    runs = len(stage.hook_runs())
    stage.upstream.behaviours[TOKEN] = behaviour
    status, body = status_and_body(await stage.exchange(token_request("lost")))
    assert status in statuses
    error = json.loads(body)
    assert error.keys() == {"error", "error_description"}
    assert "localhost" not in str(error)
    assert len(stage.upstream.heard_at(TOKEN)) == 1
    assert len(stage.hook_runs()) == runs
    stage.upstream.forget()
    assert await a_good_token(stage, "next") == "next"


async def a_good_token(stage: Stage, mark: str) -> str:
    """Ask for a token and return the mark that the hook wrote into it."""
    status, body = status_and_body(await stage.exchange(token_request(mark)))
    assert status == 200, body
    mark_in_token: str = read_claims(json.loads(body)["access_token"])[HOOKED]
    return mark_in_token


@pytest.mark.parametrize("name", INVALID)
async def test_U_an_invalid_answer_is_an_error_on_every_path(stage: Stage, name: str) -> None:
    stage.upstream.behaviours[b"/page"] = say(INVALID[name], close=True)
    status, body = status_and_body(await stage.exchange(page_request()))
    assert (status, json.loads(body)["error"]) == (502, "server_error")
    stage.upstream.forget()
    await assert_no_token(stage, say(INVALID[name], close=True))


@pytest.mark.parametrize("name", CUT)
async def test_U_a_cut_answer_is_never_a_whole_one(stage: Stage, name: str) -> None:
    stage.upstream.behaviours[b"/page"] = say(CUT[name], close=True)
    got = await stage.exchange(page_request())
    if got.startswith(b"HTTP/1.1 200 "):
        head, _, body = got.partition(b"\r\n\r\n")
        assert not body.endswith(b"0\r\n\r\n")
        assert b"content-length: 4\r\n" not in head.lower()
    else:
        assert status_and_body(got)[0] == 502
    stage.upstream.forget()
    await assert_no_token(stage, say(CUT[name], close=True))


async def poisoned_in_one_write(peer: Peer, message: Message) -> None:
    await peer.send(good_answer(message) + POISON)


async def poisoned_by_a_second_write(peer: Peer, message: Message) -> None:
    await peer.send(good_answer(message))
    await peer.send(POISON)


async def poisoned_while_idle(peer: Peer, message: Message) -> None:
    await peer.send(good_answer(message))
    await asyncio.sleep(0.02)
    await peer.send(POISON)


async def poisoned_behind_chunks(peer: Peer, message: Message) -> None:
    chunked = b"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    body = good_answer(message).partition(b"\r\n\r\n")[2]
    await peer.send(OK + chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) + POISON)


async def poisoned_behind_no_content(peer: Peer, message: Message) -> None:
    await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n" + POISON)


def good_answer(message: Message) -> bytes:
    """An answer of the right kind; for the token endpoint one that the server refuses with, which passes as it is."""
    body = b'{"error":"invalid_grant"}' if message.target == TOKEN else b"good"
    return answer(body, JSON, status=b"400 Bad Request" if message.target == TOKEN else b"200 OK")


POISONS = [
    poisoned_in_one_write,
    poisoned_by_a_second_write,
    poisoned_while_idle,
    poisoned_behind_chunks,
    poisoned_behind_no_content,
]


@pytest.mark.parametrize("path", [b"/page", TOKEN], ids=["page", "token"])
@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.__name__)
async def test_U_bytes_behind_an_answer_reach_no_other_client(stage: Stage, poison: Behaviour, path: bytes) -> None:
    stage.upstream.behaviours[path] = poison
    for _ in range(3):
        first = await stage.exchange(token_request("first") if path == TOKEN else page_request())
        assert b"FORGED" not in first
        await asyncio.sleep(0.05)  # that which is sent while the connection lies idle has time to come
        del stage.upstream.behaviours[path]
        assert await a_good_token(stage, "second") == "second"
        assert b"heard /other 0" in await stage.exchange(page_request(b"/other"))
        stage.upstream.behaviours[path] = poison


async def test_U_an_upstream_that_never_answers_is_given_up_on_time(stage: Stage) -> None:
    async def silent(peer: Peer, _: Message) -> None:
        await peer.eof()

    stage.upstream.behaviours[b"/page"] = silent
    page, _ = await asyncio.gather(stage.exchange(page_request()), assert_no_token(stage, silent, statuses=(504,)))
    assert status_and_body(page)[0] == 504


async def test_U_a_token_answer_that_trickles_is_given_up_on_time(stage: Stage) -> None:
    async def trickle(peer: Peer, _: Message) -> None:
        await peer.send(OK + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        while True:
            await peer.send(b" ")
            await asyncio.sleep(0.05)

    await assert_no_token(stage, trickle, statuses=(502, 504))


RESETS: dict[str, bytes] = {"before": b"", "within the head": OK + b"Content-Le", "within the body": CUT["length"]}


@pytest.mark.parametrize("name", RESETS)
async def test_U_a_token_call_that_is_reset_is_not_sent_again(stage: Stage, name: str) -> None:
    async def reset(peer: Peer, _: Message) -> None:
        if RESETS[name]:
            await peer.send(RESETS[name])
        peer.reset()

    await assert_no_token(stage, reset)


def packed(body: bytes, coding: bytes = b"gzip") -> bytes:
    return answer(body, JSON, b"Content-Encoding: " + coding)


UNREADABLE = {
    "gzip bomb": packed(gzip.compress(b" " * 50_000_000)),
    "brotli": packed(b"\x0b\x02\x80{}\x03", b"br"),
    "zstandard": packed(b"\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00{}", b"zstd"),
    "two codings": packed(gzip.compress(b"{}"), b"gzip, gzip"),
    "a second coding": answer(FORGED, JSON, b"Content-Encoding: identity", b"Content-Encoding: gzip"),
    "10 MB": answer(b'{"access_token":"' + b"x" * 10_000_000 + b'"}', JSON),
    "HTML": answer(b"<p>token</p>", b"Content-Type: text/html"),
    "redirect": answer(b"", b"Location: http://elsewhere.test/", status=b"302 Found"),
    "other success": answer(FORGED, JSON, status=b"201 Created"),
    "two names": answer(b'{"access_token":"a","access_token":"b"}', JSON),
    "NaN": answer(b'{"access_token":"a","x":NaN}', JSON),
    "UTF-16": answer('{"access_token":"a"}'.encode("utf-16"), JSON),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "two types": answer(FORGED, JSON, b"Content-Type: text/html"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_U_a_token_answer_that_cannot_be_read_one_way_is_an_error(stage: Stage, name: str) -> None:
    await assert_no_token(stage, say(UNREADABLE[name]))


async def test_U_an_early_refusal_comes_at_once_and_ends_the_upload(stage: Stage) -> None:
    stage.upstream.early[b"/upload"] = answer(b"too large", status=b"413 Content Too Large")
    async with stage.connected() as client:
        await client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n" + bytes(1000))
        refusal = await client.message()
    assert (refusal.status, refusal.body) == (413, b"too large")
    assert b"heard /other 0" in await stage.exchange(page_request(b"/other"))
    assert stage.upstream.heard_at(b"/upload") == []


async def test_U_cookies_of_one_client_are_not_sent_for_another(stage: Stage) -> None:
    assert urlsplit(stage.upstream.url).hostname == "localhost"  # cookie jars ignore addresses
    for path in (b"/page", TOKEN):
        good = stage.upstream.token_answer() if path == TOKEN else b"ok"
        stage.upstream.behaviours[path] = say(answer(good, JSON, b"Set-Cookie: session=a; Path=/", b"Set-Cookie: b=2"))
    cookie = b"Cookie: session=a\r\n"
    for with_cookie, without in (
        (token_request(headers=cookie), token_request()),
        (page_request(headers=cookie), page_request()),
    ):
        lines = (await stage.exchange(with_cookie)).lower().split(b"\r\n")
        assert [line for line in lines if line.startswith(b"set-cookie")] == [
            b"set-cookie: session=a; path=/",
            b"set-cookie: b=2",
        ]
        await stage.exchange(without)
    cookies = [message.all(b"cookie") for message in stage.upstream.heard]
    assert cookies == [[b"session=a"], [], [b"session=a"], []]
