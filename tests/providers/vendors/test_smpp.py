"""SMPP against a live SMSC (smpp34's)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest

from hookpoint.providers.errors import ProviderError
from hookpoint.providers.loading import build, provider_type
from hookpoint.providers.message import Status, StatusUpdate
from hookpoint.providers.provider import SmsProvider
from hookpoint.providers.testing import CONTRACT, Case
from tests.partners.requirement import require_module
from tests.providers.vendor_cases import MESSAGE

SECRET = "s3cr3t-8"


smpp34 = require_module("smpp34")
require_module("aiosmpplib")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Relay:
    """Passes bytes on to the SMSC, and cuts all connections when it goes down, which the SMSC alone does not."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        writer.close()


class Smsc:
    """Accepts submissions, refuses them with ``status``, or answers none of them."""

    def __init__(self) -> None:
        self._relay = Relay(free_port())
        self.status = 0
        self.mode: Literal["accept", "refuse", "silent"] = "accept"
        self.submitted: list[Any] = []
        self.sessions: list[Any] = []
        self._kept: list[Any] = []
        self._server: Any = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._relay.port

    async def listen(self) -> None:
        self._server = smpp34.Server("127.0.0.1", self._relay._target, system_id="SMSC")
        await self._server.start()
        self._task = asyncio.create_task(self._run(self._server))
        await self._relay.open()

    async def close(self) -> None:
        await self._relay.close()
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._server.stop()

    async def _run(self, server: Any) -> None:
        while True:
            event = await server.next()
            if isinstance(event, smpp34.Esme):
                self.sessions.append(event)
            elif isinstance(event, smpp34.SubmitSmEvent):
                self.submitted.append(event)
                if self.mode == "accept":
                    event.accept(f"msg-{len(self.submitted)}")
                elif self.mode == "refuse":
                    event.reject(self.status)
                else:
                    self._kept.append(event)

    @asynccontextmanager
    async def being(self, mode: Literal["refuse", "silent"], status: int = 0) -> AsyncIterator[None]:
        self.mode, self.status = mode, status
        yield
        self.mode = "accept"

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        await self._relay.close()
        yield
        await self._relay.open()

    async def report(self, id_: str, word: str, error: int) -> None:
        text = (
            f"id:{id_} sub:001 dlvrd:001 submit date:2611230101 done date:2611230102 stat:{word} err:{error:03d} text:…"
        )
        await self.sessions[-1].deliver_sm(
            "Acme", text.encode("latin-1", "replace"), source_addr="15005550006", esm_class=4
        )


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    running = Smsc()
    await running.listen()
    yield running
    await running.close()


def table(smsc: Smsc) -> dict[str, object]:
    return {
        "host": "127.0.0.1",
        "port": smsc.port,
        "system_id": "esme",
        "password": SECRET,
        "from": "Acme",
        "timeout": 0.75,
        "connect_timeout": 3.0,
    }


@asynccontextmanager
async def bound(smsc: Smsc, **changes: object) -> AsyncIterator[SmsProvider]:
    provider = build({"type": "smpp", "name": "under-test", **table(smsc), **changes})
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_smpp_keeps_the_contract(check: Callable[[Case], Awaitable[None]], smsc: Smsc) -> None:
    await check(
        Case(
            type=provider_type("smpp"),
            settings=table(smsc),
            secrets=(SECRET,),
            faults={
                "down": smsc.down,
                "refused": lambda: smsc.being("refuse", 0x0B),
                "throttled": lambda: smsc.being("refuse", 0x58),
                "server_error": lambda: smsc.being("refuse", 0x08),
                "silent": lambda: smsc.being("silent"),
            },
        )
    )


@pytest.mark.parametrize(
    ("sender", "source", "ton", "npi"),
    [("Acme", "Acme", 5, 0), ("+15005550001", "15005550001", 1, 1), ("12345", "12345", 0, 1)],
)
async def test_what_is_submitted(sender: str, source: str, ton: int, npi: int, smsc: Smsc) -> None:
    async with bound(smsc) as provider:
        receipt = await provider.send(replace(MESSAGE, sender=sender))
    assert (receipt.provider, receipt.id, receipt.status) == ("under-test", "msg-1", Status.QUEUED)
    (event,) = smsc.submitted
    assert (event.source_addr, event.source_addr_ton, event.source_addr_npi) == (source, ton, npi)
    assert (event.destination_addr, event.dest_addr_ton, event.dest_addr_npi) == ("15005550006", 1, 1)
    assert event.short_message.decode("ascii") == MESSAGE.text
    assert (event.data_coding, event.registered_delivery) == (0, 1)


async def test_unicode_goes_as_ucs2(smsc: Smsc) -> None:
    async with bound(smsc) as provider:
        await provider.send(replace(MESSAGE, text="код 918273"))
    (event,) = smsc.submitted
    assert event.data_coding == 8
    assert event.short_message.decode("utf-16-be") == "код 918273"


async def test_long_texts_go_as_payload(smsc: Smsc) -> None:
    text = "long " * 60
    async with bound(smsc) as provider:
        await provider.send(replace(MESSAGE, text=text))
    (event,) = smsc.submitted
    payload = [tlv for tlv in event.tlvs if tlv.tag == smpp34.TLV_MESSAGE_PAYLOAD]
    assert event.short_message == b""
    assert payload[0].value.decode("ascii") == text


async def test_no_receipts_are_asked_for_when_told(smsc: Smsc) -> None:
    async with bound(smsc, receipts=False) as provider:
        await provider.send(MESSAGE)
    assert smsc.submitted[0].registered_delivery == 0


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("DELIVRD", Status.DELIVERED),
        ("EXPIRED", Status.EXPIRED),
        ("UNDELIV", Status.UNDELIVERED),
        ("REJECTD", Status.FAILED),
        ("NEWWORD", Status.UNKNOWN),
    ],
)
async def test_receipts_come_over_the_bind(word: str, status: Status, smsc: Smsc) -> None:
    updates: asyncio.Queue[StatusUpdate] = asyncio.Queue()
    async with bound(smsc) as provider:
        provider.on_status = updates.put_nowait
        receipt = await provider.send(MESSAGE)
        await smsc.report(receipt.id, word, 3)
        async with asyncio.timeout(2):
            update = await updates.get()
    assert update == StatusUpdate(provider="under-test", id="msg-1", status=status, provider_code="3")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0A, "misconfigured"),
        (0x0B, "rejected"),
        (0x14, "throttled"),
        (0x58, "throttled"),
        (0x45, "rejected"),
        (0x64, "unavailable"),
    ],
)
async def test_statuses_say_what_to_do_next(status: int, expected: str, smsc: Smsc) -> None:
    async with smsc.being("refuse", status), bound(smsc) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.send(MESSAGE)
    assert caught.value.code == expected
    assert caught.value.provider_code == f"0x{status:08X}"


async def test_the_bind_comes_back(smsc: Smsc) -> None:
    async with bound(smsc) as provider:
        await provider.send(MESSAGE)
        async with smsc.down():
            with pytest.raises(ProviderError) as caught:
                await provider.send(MESSAGE)
            assert caught.value.code in ("unavailable", "outcome_unknown")
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(ProviderError):
                    receipt = await provider.send(MESSAGE)
                    break
    assert receipt.id == f"msg-{len(smsc.submitted)}"


async def test_a_message_nobody_waits_for_is_not_sent_later(smsc: Smsc) -> None:
    """It was told to be unavailable, so another provider has sent it."""
    async with bound(smsc, connect_timeout=0.1) as provider:
        async with smsc.down():
            with pytest.raises(ProviderError):
                await provider.send(MESSAGE)
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(ProviderError):
                    await provider.send(replace(MESSAGE, text="second"))
                    break
    assert {event.short_message for event in smsc.submitted} == {b"second"}


async def test_nothing_of_a_message_is_logged(
    smsc: Smsc, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with bound(smsc) as provider:
        await provider.send(MESSAGE)
        async with smsc.being("silent"):
            with pytest.raises(ProviderError):
                await provider.send(MESSAGE)
    shown = caplog.text + "".join(capfd.readouterr())
    for hidden in (MESSAGE.text, "918273", "15005550006", SECRET):
        assert hidden not in shown


@pytest.mark.parametrize("changes", [{"password": "longer-than-8"}, {"system_id": "x" * 16}, {"timeout": 0}])
def test_settings_that_smpp_does_not_allow(changes: dict[str, object]) -> None:
    with pytest.raises(ProviderError):
        build({"type": "smpp", "host": "h", "system_id": "s", "password": "p", "from": "f", **changes})
