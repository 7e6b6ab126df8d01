"""The scan finds what it is told to look for, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from tests.leaks import Watch

WATCH = Watch(codes={"918273"}, numbers={"+4915112345678"}, secrets={"the secret of the caller"})


@pytest.mark.parametrize(
    "content",
    [
        "Your code is 918273.",
        '{"code":"918273"}',
        "code=918273&x=1",
        "to=4915112345678",
        "0151 12345678",
        "+49 151 123-45678",
        "%2B4915112345678",
        b"\x00+4915112345678\x00",
        "918273".encode("utf-16-be"),
        base64.b64encode(b"to: +4915112345678, now"),
        base64.b64encode(b"x to: +4915112345678, now"),
        base64.b64encode(b"xy to: +4915112345678, now"),
        b"+4915112345678".hex(),
        hashlib.sha256(b"+4915112345678").hexdigest(),
        hashlib.sha256(b"4915112345678").digest(),
        hashlib.sha1(b"918273").hexdigest().upper(),
        "Bearer the secret of the caller",
    ],
)
def test_what_got_out_is_found(content: str | bytes) -> None:
    with pytest.raises(AssertionError, match="the log shows a ") as caught:
        WATCH.look("the log", content)
    assert "918273" not in str(caught.value).partition("\n")[0]


@pytest.mark.parametrize(
    "content",
    ["", "+49…78", "a918273b", "91827", "1.918273e9", "0918273f4c", "+4915112345679", "another secret of the caller"],
)
def test_what_is_none_of_it_is_not(content: str) -> None:
    WATCH.look("the log", content)


def test_files_are_looked_into(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"nothing")
    assert WATCH.look_into_files(tmp_path, ["*.db*"]) == 1
    (tmp_path / "a.db-wal").write_bytes(b"\x00918273\x00")
    with pytest.raises(AssertionError, match=r"a\.db-wal shows a code"):
        WATCH.look_into_files(tmp_path, ["*.db*"])
