from __future__ import annotations

import logging
import socket

import httpx2
import pytest

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown, ProviderError, Unavailable
from hookpoint.providers.exchange import LARGEST_ANSWER, Answer, exchange, open_transport
from tests.providers.recorder import Recorder, Scripted
from tests.providers.vendor_cases import MESSAGE, SECRET, VENDORS


async def call(url: str, *, connect_timeout: float = 2.0, timeout: float = 5.0) -> Answer:
    transport = open_transport()
    try:
        request = httpx2.Request("POST", url, content=b"text")
        return await exchange(transport, request, provider="p", connect_timeout=connect_timeout, timeout=timeout)
    finally:
        await transport.aclose()


async def test_nobody_listens_is_unavailable(recorder: Recorder) -> None:
    url = recorder.url
    async with recorder.down():
        with pytest.raises(Unavailable):
            await call(url)


async def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await call("http://nobody.invalid/")


async def test_a_full_backlog_is_unavailable_although_the_whole_time_passed() -> None:
    """The peer takes no connection, and the limit of the whole call is the shorter one."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            with pytest.raises(Unavailable):
                await call(f"http://127.0.0.1:{address[1]}/", connect_timeout=5.0, timeout=0.2)
        finally:
            for filler in fillers:
                filler.close()


@pytest.mark.parametrize("answer", [Scripted(silent=True), Scripted(cut=True)], ids=["silent", "cut"])
async def test_no_answer_to_a_written_request_has_an_unknown_outcome(answer: Scripted, recorder: Recorder) -> None:
    recorder.default = answer
    with pytest.raises(OutcomeUnknown):
        await call(recorder.url, timeout=0.75)
    assert len(recorder.requests) == 1


async def test_redirects_are_not_followed(recorder: Recorder) -> None:
    recorder.default = Scripted(status=307, headers={"location": f"{recorder.url}/elsewhere"})
    assert (await call(recorder.url)).status == 307
    assert len(recorder.requests) == 1


async def test_answers_are_read_up_to_a_bound(recorder: Recorder) -> None:
    recorder.default = Scripted(body=b"x" * (LARGEST_ANSWER * 2))
    assert len((await call(recorder.url)).body) == LARGEST_ANSWER


async def test_an_address_that_cannot_be_called_is_for_the_operator() -> None:
    with pytest.raises(Misconfigured):
        await call("ftp://127.0.0.1/")


async def test_the_environment_is_not_read(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (await call(recorder.url)).status == 200


@pytest.mark.parametrize("kind", VENDORS)
async def test_nothing_of_a_message_is_logged(kind: str, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    vendor = VENDORS[kind]
    caplog.set_level(logging.DEBUG)
    for answer in (vendor.accepted, vendor.refused, vendor.server_error):
        recorder.default = answer
        provider = vendor.make(recorder.url)
        try:
            await provider.send(MESSAGE)
        except ProviderError:
            pass
        finally:
            await provider.stop()
    assert len(recorder.requests) == 3
    for hidden in (MESSAGE.text, "918273", "15005550006", SECRET):
        assert hidden not in caplog.text
