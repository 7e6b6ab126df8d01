"""The providers that send nothing."""

from __future__ import annotations

import io
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hookpoint.providers.errors import OutcomeUnknown, Rejected, Unavailable, Unsupported
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities, SmsProvider
from hookpoint.providers.spoken import spelled, spoken
from hookpoint.providers.vendors.console import Console, ConsoleSettings
from hookpoint.providers.vendors.file import File, FileSettings, read_inbox
from hookpoint.providers.vendors.memory import Memory
from tests.providers.vendor_cases import MESSAGE

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def test_the_console_shows_the_message() -> None:
    stream = io.StringIO()
    receipt = await Console("dev", stream=stream, new_id=lambda: "id-1").send(MESSAGE)
    assert receipt == Receipt(provider="dev", id="id-1", status=Status.DELIVERED)
    assert stream.getvalue() == f"[dev] sms to +15005550006 (id-1)\n{MESSAGE.text}\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_the_console_prints_where_it_is_told(stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    await Console("dev", ConsoleSettings(stream=stream)).send(MESSAGE)  # type: ignore[arg-type]
    shown = capsys.readouterr()
    assert MESSAGE.text in (shown.out if stream == "stdout" else shown.err)
    assert (shown.out == "") is (stream == "stderr")


async def test_a_file_is_an_inbox_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "inbox.jsonl"
    assert list(read_inbox(path)) == []
    provider = File("file", FileSettings(path=str(path)), new_id=lambda: "id-1", now=lambda: AT)
    await provider.send(MESSAGE)
    await provider.send(replace(MESSAGE, text="zwei\nZeilen, ü", sender="ACME"))
    first, second = read_inbox(path)
    assert (first.id, first.at, first.recipient, first.code) == ("id-1", AT.isoformat(), "+15005550006", "918273")
    assert (second.text, second.sender) == ("zwei\nZeilen, ü", "ACME")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await File("file", FileSettings(path=str(tmp_path / "no" / "folder"))).send(MESSAGE)


async def test_memory_fails_as_told_and_keeps_what_may_have_been_sent() -> None:
    memory = Memory(failures=[Rejected("no"), OutcomeUnknown("?"), None])
    with pytest.raises(Rejected):
        await memory.send(MESSAGE)
    assert memory.messages == []
    with pytest.raises(OutcomeUnknown):
        await memory.send(MESSAGE)
    await memory.send(MESSAGE)
    assert memory.messages == [MESSAGE, MESSAGE]


def test_codes_are_spelled_for_the_ear() -> None:
    assert spelled("12-34 5") == "1, 2, 3, 4, 5"
    assert spoken(MESSAGE).count("9, 1, 8, 2, 7, 3") == 2
    assert spoken(replace(MESSAGE, code=None)) == MESSAGE.text
    assert spoken(replace(MESSAGE, code="000000")) == MESSAGE.text


class Narrow(SmsProvider):
    capabilities = Capabilities(max_characters=10)

    async def send(self, message: Message) -> Receipt:
        self.check(message)
        return Receipt(provider=self.name, id="1")


@pytest.mark.parametrize(
    "changes", [{"text": "x" * 11}, {"text": "x", "sender": "ACME"}, {"text": "x", "kind": "voice"}]
)
async def test_what_a_provider_cannot_do_is_an_error(changes: dict[str, str]) -> None:
    with pytest.raises(Unsupported) as caught:
        await Narrow().send(replace(MESSAGE, **changes))  # type: ignore[arg-type]
    assert caught.value.provider == "narrow"


async def test_what_it_can_do_is_not() -> None:
    assert (await Narrow("n").send(replace(MESSAGE, text="x" * 10))).provider == "n"
