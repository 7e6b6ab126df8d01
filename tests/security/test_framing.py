"""Requests that two servers could read in two ways, sent to the product: what it refuses, its upstream never hears of."""

from __future__ import annotations

import pytest

from tests.proxy.server.framing_cases import ACCEPTED, REFUSED_BODIES, REFUSED_HEADS, SMUGGLED, check_refusal, get
from tests.security.stage import FORM, GRANT, Stage, page_request, token_request

WITNESS = page_request(b"/witness")
TOKEN = b" /oauth/token "
CHUNKED_GRANT = (
    b"POST /oauth/token HTTP/1.1\r\nHost: login.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    + FORM
    + b"\r\n"
)


async def nothing_else_was_heard(stage: Stage) -> None:
    """Ask for one thing more: as requests are served in order, nothing before it is still under way."""
    assert b"heard /witness" in await stage.exchange(WITNESS)
    assert [message.target for message in stage.upstream.heard] == [b"/witness"]
    assert stage.upstream.broken == []


@pytest.mark.parametrize("name", REFUSED_HEADS)
async def test_H_a_refused_head_reaches_neither_server_nor_hooks(stage: Stage, name: str) -> None:
    status, request = REFUSED_HEADS[name]
    runs = len(stage.hook_runs())
    token = request.replace(b" /x ", TOKEN)
    for attack in (request + SMUGGLED, token + SMUGGLED, token + token_request("smuggled")):
        check_refusal(await stage.exchange(attack), status)
    check_refusal(await stage.exchange(token, SMUGGLED), status)
    await nothing_else_was_heard(stage)
    assert len(stage.hook_runs()) == runs


@pytest.mark.parametrize("name", REFUSED_BODIES)
async def test_H_a_refused_body_is_never_a_whole_request(stage: Stage, name: str) -> None:
    status, request = REFUSED_BODIES[name]
    runs = len(stage.hook_runs())
    check_refusal(
        await stage.exchange(request.replace(b" /x ", TOKEN).replace(b"\r\n", b"\r\n" + FORM, 1) + SMUGGLED), status
    )
    assert len(stage.hook_runs()) == runs
    # What streams may have begun before its framing went wrong; its server sees it cut off.
    answer = await stage.exchange(request + SMUGGLED)
    assert b"heard" not in answer
    assert b"/smuggled" not in answer
    assert b"heard /witness" in await stage.exchange(WITNESS)
    assert [message.target for message in stage.upstream.heard] == [b"/witness"]
    assert all("cut off" in broken for broken in stage.upstream.broken)


@pytest.mark.parametrize("name", REFUSED_HEADS)
async def test_H_a_refused_head_behind_a_good_request_is_not_served(stage: Stage, name: str) -> None:
    status, request = REFUSED_HEADS[name]
    answer = await stage.exchange(page_request(b"/good", close=False) + request + SMUGGLED)
    good, _, rest = answer.partition(b"heard /good 0")
    assert good.startswith(b"HTTP/1.1 200 ")
    check_refusal(rest, status)
    assert [message.target for message in stage.upstream.heard] == [b"/good"]
    stage.upstream.forget()
    await nothing_else_was_heard(stage)


@pytest.mark.parametrize("name", ACCEPTED)
async def test_H_an_accepted_request_is_one_request_to_the_server(stage: Stage, name: str) -> None:
    request, body = ACCEPTED[name]
    last = get(b"/last", b"Connection: close\r\n")
    answer = await stage.exchange(request + last)
    assert answer.count(b"HTTP/1.1 200 ") == 2, answer
    first, second = stage.upstream.heard
    assert second.target == b"/last"
    assert first.body == body
    assert stage.upstream.broken == []
    names = [field for field, _ in first.fields]
    assert names.count(b"host") == 1
    assert not {b"authorization", b"upgrade", b"http2-settings", b"expect", b"te", b"keep-alive"}.intersection(names)
    assert first.one(b"x-forwarded-for") == b"127.0.0.1"  # nominating it for removal removes only the client's own


CHUNKINGS = {
    "one": b"%x\r\n%s\r\n0\r\n\r\n" % (len(GRANT), GRANT),
    "each-byte": b"".join(b"1\r\n%c\r\n" % byte for byte in GRANT) + b"0\r\n\r\n",
    "with-extensions": b'%x;a=b;c="d"\r\n%s\r\n0\r\n\r\n' % (len(GRANT), GRANT),
    "with-trailers": b"%x\r\n%s\r\n0\r\nAuthorization: Basic eDp5\r\nHost: b\r\n\r\n" % (len(GRANT), GRANT),
}


@pytest.mark.parametrize("name", CHUNKINGS)
async def test_H_a_chunked_token_request_is_hooked_and_forwarded_whole(stage: Stage, name: str) -> None:
    runs = len(stage.hook_runs())
    answer = await stage.exchange(CHUNKED_GRANT + CHUNKINGS[name])
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    (heard,) = stage.upstream.heard
    assert heard.body == GRANT
    assert heard.one(b"authorization") is None
    assert len(stage.hook_runs()) == runs + 1


async def test_H_a_token_request_that_breaks_off_is_not_forwarded(stage: Stage) -> None:
    whole = token_request("cut")
    runs = len(stage.hook_runs())
    for length in (len(whole) - 1, len(whole) - 30, len(whole) - len(GRANT) - 9):
        await stage.exchange(whole[:length], half_close=True)
    await nothing_else_was_heard(stage)
    assert len(stage.hook_runs()) == runs


async def test_H_expect_is_answered_here_and_the_connection_stays_in_step(stage: Stage) -> None:
    async with stage.connected() as client:
        request = token_request("expecting", headers=b"Expect: 100-continue\r\n", close=False)
        head, _, body = request.partition(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        start, _ = await client.head()
        assert start.startswith(b"HTTP/1.1 100 ")
        await client.send(body)
        assert (await client.message()).status == 200
        await client.send(page_request(b"/after", close=False))
        assert (await client.message()).body == b"heard /after 0"
    token, after = stage.upstream.heard
    assert (token.one(b"expect"), token.body, after.target) == (None, body, b"/after")
