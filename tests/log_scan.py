"""No log of any test holds a secret: what hookpoint logs, in this process and in others, is searched for what only a leak puts there.

A pytest plugin, loaded by tests/conftest.py. Tests of other processes hand their lines to `scan`; tests that make up a secret of their
own, such as a one-time code, make it known with `keep_secret`. A test that finds something fails when it is torn down.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Iterable

import pytest

# Tokens, credentials and keys are told by their shape; the clients of test servers have secrets that say what they are.
SHAPES = {
    "a JWT": re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{10,}"),
    "an encrypted token": re.compile(r"eyJ[\w-]{8,}\.[\w-]*\.[\w-]{8,}\.[\w-]{10,}\.[\w-]{10,}"),
    "credentials": re.compile(r"\bBasic [A-Za-z0-9+/]{16,}"),
    "a signing secret": re.compile(r"\bwhsec_[A-Za-z0-9+/]{16,}"),
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
    "the secret of a client": re.compile(r"-secret-[0-9a-f]{8,}"),
    "a full phone number": re.compile(r"1500555[0-9]{4}"),  # those that tests send to
}
_MARK = re.compile(r"eyJ|Basic |whsec_|PRIVATE KEY|-secret-|1500555")  # none of the shapes without one of these
_kept: set[str] = set()
_found: list[str] = []
_lock = threading.Lock()


def keep_secret(*values: str) -> None:
    """Make secrets known; from now on no log may hold them. Short ones would be found by chance: four characters at least."""
    assert all(len(value) >= 4 for value in values)
    with _lock:
        _kept.update(values)


def secrets_in(text: str) -> list[str]:
    """What is in a text that no log may hold."""
    told = [kind for kind, shape in SHAPES.items() if shape.search(text)] if _MARK.search(text) else []
    return told + ["a secret of the test" for value in tuple(_kept) if value in text][:1]


def scan(lines: Iterable[str], where: str) -> None:
    """Search what a server has logged; the test that runs fails for what is found."""
    for line in lines:
        if told := secrets_in(line):
            with _lock:
                _found.append(f"{where} holds {' and '.join(told)}: {line[:400]}")


def pytest_configure(config: pytest.Config) -> None:
    """Make the one exception known."""
    config.addinivalue_line("markers", "logs_secrets: hands secrets to the log to see that they do not come out")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Search what this process has logged, then fail for whatever was found."""
    yield
    for _, kind, content in item._report_sections:
        if kind == "log" and item.get_closest_marker("logs_secrets") is None:  # pytest's own log is not redacted
            scan(content.splitlines(), "the log of the test")
    with _lock:
        found, _found[:] = list(_found), []
        _kept.clear()
    if found:
        pytest.fail("\n".join(found), pytrace=False)
