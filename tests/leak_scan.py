"""Nothing that the tests run shows what only a leak puts there: codes, full phone numbers, tokens, credentials and keys.

A pytest plugin, loaded by tests/conftest.py. What is searched, and by whom:

- the log of the test's own process, and the databases in its folder: when the test is torn down;
- the log, the page of metrics and the database of each hookpoint of its own process: when it ends (`scan_product`);
- the tables of each PostgreSQL database: before it is dropped (`scan_place`);
- the error answers of all these: when a client of tests/partners/loopback.py reads them (`scan_answer`).

Nobody has to say what is looked for: numbers are told by their shape, codes that tests make up are all in `CODES`, and codes that
servers make are read from where the provider `file` has kept their messages. A test that makes up another secret makes it known
with `keep_secret`. A test during which something is found fails when it is torn down.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from hookpoint.providers.vendors.file import read_inbox
from tests.leaks import Watch, digits_alone

CODES: Final = frozenset({"918273", "735294", "747723", "123456", "111111", "222222", "000000"})
"""All codes that tests make up. tests/security/test_leak_scan.py sees to it that there are no others."""

# Tokens, credentials and keys are told by their shape; the clients of test servers have secrets that say what they are.
SHAPES: Final = {
    "a JWT": re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{10,}"),
    "an encrypted token": re.compile(r"eyJ[\w-]{8,}\.[\w-]*\.[\w-]{8,}\.[\w-]{10,}\.[\w-]{10,}"),
    "credentials": re.compile(r"\bBasic [A-Za-z0-9+/]{16,}"),
    "a signing secret": re.compile(r"\bwhsec_[A-Za-z0-9+/]{16,}"),
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
    "the secret of a client": re.compile(r"-secret-[0-9a-f]{8,}"),
}
_MARK: Final = re.compile(r"eyJ|Basic |whsec_|PRIVATE KEY|-secret-")  # none of the shapes without one of these
# E.164 with its plus sign, which URLs may have encoded; without it, in the ranges that tests use.
_NUMBER: Final = re.compile(
    rb"(?:\+|%2[Bb])[1-9][0-9]{9,14}(?![0-9])"
    rb"|(?<![0-9A-Za-z_.-])(?:00)?(?:1500555[0-9]{4}|1201555[0-9]{4}|491(?:5[0-9]|7[0-9])[0-9]{7,8})(?![0-9A-Za-z_-])"
)
_CODE: Final = digits_alone(CODES)
_SQLITE: Final = (b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_OWN_TABLE: Final = b"schema_versions"

_kept: set[str] = set()
_found: list[str] = []
_lock = threading.Lock()
_serving: set[str] = set()


def keep_secret(*values: str) -> None:
    """Make secrets known; from now on nothing may show them. Short ones would be found by chance: four characters at least."""
    assert all(len(value) >= 4 for value in values)
    with _lock:
        _kept.update(values)


def secrets_in(text: str) -> list[str]:
    """What is in a text that nothing may show."""
    told = [kind for kind, shape in SHAPES.items() if shape.search(text)] if _MARK.search(text) else []
    told += phones_in(text.encode("utf-8", "surrogateescape"))
    return told + ["a secret of the test" for value in tuple(_kept) if value in text][:1]


def phones_in(content: bytes) -> list[str]:
    """Whether there are codes or numbers in something that may hold tokens, such as a database with keys of its own."""
    shapes = (("a full phone number", _NUMBER), ("a code", _CODE))
    return [kind for kind, shape in shapes if shape.search(content)]


def scan(lines: Iterable[str], where: str) -> None:
    """Search what a server has logged; the test that runs fails for what is found."""
    for line in lines:
        if told := secrets_in(line):
            _report(where, told, line)


def scan_place(where: str, content: bytes, sent: Watch | None = None) -> None:
    """Search a place that can be read back; `sent` are codes and numbers that only this one place could show."""
    told = {*phones_in(content), *(sent.find(content) if sent is not None else ())}
    if told:
        _report(where, sorted(told))


def scan_product(folder: Path, *, log: str, metrics: bytes) -> None:
    """Search what a hookpoint leaves behind: all it has logged, counted and stored while it ran in a folder."""
    sent = messages_in(folder)
    scan_place("the log of hookpoint", log.encode("utf-8", "surrogateescape"), sent)
    scan_place("the metrics of hookpoint", metrics, sent)
    scan_stores(folder, sent)


def scan_stores(folder: Path, sent: Watch | None = None) -> None:
    """Search hookpoint's SQLite databases below a folder, with the pages they have given up and what is not yet in its place."""
    for path, content in _stores(folder):
        scan_place(f"the database {path.name}", content, sent)


def messages_in(folder: Path) -> Watch | None:
    """The codes and numbers of all messages that the provider `file` has written below a folder; None when there are none."""
    watch = Watch()
    for path in folder.rglob("*.jsonl"):
        # Other tests have files of that ending.
        with contextlib.suppress(TypeError, ValueError):
            for each in read_inbox(path):
                watch.numbers.add(each.recipient)
                watch.codes.update(filter(None, [each.code]))
    return watch if watch.numbers else None


@contextlib.contextmanager
def answers_scanned(*origins: str) -> Iterator[None]:
    """A hookpoint serves at these origins until the block ends: the error answers of its clients are searched."""
    _serving.update(origins)
    try:
        yield
    finally:
        _serving.difference_update(origins)


async def scan_answer(answer: httpx2.Response) -> None:
    """Search an error answer of a hookpoint; for the event hooks of clients."""
    url = answer.request.url
    if answer.status_code >= 400 and f"{url.scheme}://{url.netloc.decode()}" in _serving:
        await answer.aread()
        scan_place(f"the answer {answer.status_code}", repr(answer.headers.raw).encode() + b"\n" + answer.content)


def take_findings() -> list[str]:
    """What was found since this was asked last; what is taken fails nothing any more."""
    with _lock:
        found, _found[:] = list(_found), []
    return found


def _stores(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """The files that are databases of hookpoint's; those of the servers behind it may hold what they like."""
    own: set[str] = set()
    for path in sorted(folder.rglob("*")):  # a database before its journal
        if not path.is_file() or not _begins(path).startswith(_SQLITE):
            continue
        content = path.read_bytes()
        if _OWN_TABLE in content or str(path).removesuffix("-wal") in own:
            own.add(str(path))
            yield path, content


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _report(where: str, told: Iterable[str], line: str = "") -> None:
    with _lock:
        _found.append(f"{where} shows {' and '.join(told)}{': ' if line else ''}{line[:400]}")


def pytest_configure(config: pytest.Config) -> None:
    """Make the one exception known."""
    config.addinivalue_line("markers", "logs_secrets: hands secrets to the log to see that they do not come out")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Search what this process has logged and stored, then fail for whatever was found."""
    yield
    if item.get_closest_marker("logs_secrets") is None:  # pytest's own log is not redacted
        for _, kind, content in item._report_sections:
            scan(content.splitlines(), f"the {kind} of the test")
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if isinstance(folder, Path) and folder.exists():
        scan_stores(folder, messages_in(folder))
    with _lock:
        _kept.clear()
    if found := take_findings():
        pytest.fail("\n".join(found), pytrace=False)
