"""What `hookpoint hooks test` shows, reads and watches."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hookpoint.hooks import MessageChanges, TokenChanges, credentials_exchange, send_phone_message
from hookpoint.hooks.testing import sample_event, try_hook
from hookpoint.proxy.cli.trial_result import ABSENT, differences, shown
from hookpoint.proxy.cli.trial_secrets import SecretsError, read_secrets, variables_for
from tests.partners.warm_start import PipedProcess
from tests.proxy.cli.test_commands import hookpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

HOOKS = """
import logging
import structlog
from hookpoint.hooks import *


@credentials_exchange
def add_plan(event):
    print("plan of", event.client.id)
    logging.getLogger("acme").warning("looked up %s", event.client.name)
    structlog.get_logger().info("plan_found", plan="gold")
    print("no line end", end="")
    return TokenChanges(claims={"plan": "gold", "key": event.secrets["API_KEY"]}, expires_in=300)


@credentials_exchange
def quiet(event):
    pass


@send_phone_message
def deliver(event):
    return Delivered(message_id="m-1")
"""
CONFIGURATION = """
[upstream]
url = "http://127.0.0.1:9"

[[hooks]]
run = "hooks.py"
secrets = { API_KEY = "env:ACME_API_KEY" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hookpoint.toml").write_text(CONFIGURATION)
    (tmp_path / "hooks.py").write_text(HOOKS)
    return tmp_path


def test_the_result_for_programs_has_everything_and_nothing_else_is_printed(folder: Path) -> None:
    done = hookpoint(folder, "hooks", "test", "credentials-exchange", "--json", "--secrets", "API_KEY=k=1")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    first, second = told["hooks"]
    assert first["logs"] == [
        {"level": "print", "text": "plan of reporting"},
        {"level": "warning", "text": "looked up Reporting job"},
        {"level": "info", "text": "plan_found plan=gold"},
        {"level": "print", "text": "no line end"},
    ]
    assert second["logs"] == []
    assert first["milliseconds"] > 0
    assert (first["outcome"], first["error"], told["outcome"]) == ("changed", None, "changed")
    assert told["differences"] == [
        {"name": "plan", "after": "gold"},
        {"name": "key", "after": "k=1"},
        {"name": "expires_in", "after": 300},
    ]
    assert told["event"]["claims"]["key"] == "k=1"
    assert (told["denial"], told["failure"]) == (None, None)


def test_logs_stand_with_the_hook_that_wrote_them(folder: Path) -> None:
    done = hookpoint(folder, "hooks", "test", "credentials-exchange", "--secrets", "ACME_API_KEY=k", COLUMNS="80")
    lines = done.stdout.splitlines()
    assert lines[1:5] == [
        "  print: plan of reporting",
        "  warning: looked up Reporting job",
        "  info: plan_found plan=gold",
        "  print: no line end",
    ]
    assert lines[5].startswith("quiet  unchanged  ")
    assert lines[8].split() == ["+", "plan", "gold"]


def test_the_sample_is_an_event_that_can_be_given_back(folder: Path) -> None:
    sample = hookpoint(folder, "hooks", "test", "send-phone-message", "--sample")
    assert sample.returncode == 0
    (folder / "event.json").write_text(sample.stdout)
    (folder / "secrets.json").write_text('{"API_KEY": "k"}')
    options = ["--event", "event.json", "--secrets", "secrets.json"]
    done = hookpoint(folder, "hooks", "test", "send-phone-message", *options)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].split() == ["+", "delivered", "m-1"]


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("A=1\n# B=2\n\nexport C = 'x y'\nD=\"q#\"\nE=\n", {"A": "1", "C": "x y", "D": "q#", "E": ""}),
        ('{"A": "1", "B": 2}', {"A": "1", "B": "2"}),
    ],
)
def test_secrets_come_from_files_in_either_form(tmp_path: Path, text: str, secrets: dict[str, str]) -> None:
    (tmp_path / "secrets").write_text(text)
    assert read_secrets([str(tmp_path / "secrets"), "A=2"]) == {**secrets, "A": "2"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [("A\n", "secrets:1: this is not NAME=VALUE"), ("{", "neither NAME=VALUE lines nor"), (None, "no such file")],
)
def test_secrets_that_cannot_be_read_are_told_without_them(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "secrets").write_text(text)
    with pytest.raises(SecretsError, match=reason):
        read_secrets([str(tmp_path / "secrets")])


def test_secrets_stand_in_for_variables_that_are_not_set(folder: Path) -> None:
    given = {"API_KEY": "k", "OTHER": "o"}
    assert variables_for(given, folder / "hookpoint.toml") == {**given, "ACME_API_KEY": "k"}
    assert variables_for({**given, "ACME_API_KEY": "own"}, folder / "hookpoint.toml")["ACME_API_KEY"] == "own"
    assert variables_for(given, folder / "nothing.toml") == variables_for(given, None) == given
    done = hookpoint(folder, "hooks", "test", "credentials-exchange", "--secrets", "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("✗ nothing: there is no such file, and it is not NAME=VALUE\n")


@pytest.mark.parametrize(
    ("hook", "fields", "told"),
    [
        (
            credentials_exchange(lambda _: TokenChanges(remove_claims=["plan"], claims={"a": [1]})),
            {"claims": {"plan": "x", "a": []}},
            [("-", "plan", "x", ""), ("~", "a", "[]", "[1]")],
        ),
        (
            credentials_exchange(lambda _: TokenChanges(scope={"b"})),
            {"claims": {}, "scope": frozenset({"a", "b"})},
            [("~", "scope", "a b", "b")],
        ),
        (
            send_phone_message(lambda _: MessageChanges(text="Hi", sender="Acme", provider="main")),
            {"text": "Ho"},
            [("~", "text", "Ho", "Hi"), ("+", "sender", "", "Acme"), ("+", "provider", "", "main")],
        ),
    ],
    ids=["claims", "opaque", "message"],
)
def test_differences_are_by_member(hook: Callable[..., Any], fields: dict[str, Any], told: list[Any]) -> None:
    point = credentials_exchange if "text" not in fields else send_phone_message
    event = sample_event(point, **fields)
    found = differences(try_hook(hook, event), event)
    assert [(each.sign, each.name, shown(each.before), shown(each.after)) for each in found] == told
    assert ABSENT not in [each.after for each in found if each.sign != "-"]


class Watched:
    """A running `hooks test --watch`, and the lines that it prints."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        environ = {**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = PipedProcess(["hooks", "test", *arguments], cwd=folder, env=environ)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, text: str) -> str:
        """All that it prints up to a line with this text."""
        printed = ""
        while text not in printed:
            printed += self._lines.get(timeout=120)
        return printed

    def stop(self) -> int:
        """End it as Ctrl+C does; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(timeout=120)
        self._reader.join()
        self._process.stdout.close()
        return code

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    running = Watched(folder, "credentials-exchange", "--watch", "--hook", "add_plan", "--secrets", "API_KEY=k")
    yield running
    running.stop()


def test_watching_runs_again_after_each_change_and_survives_mistakes(folder: Path, watched: Watched) -> None:
    assert "gold" in watched.until("waiting for changes")
    (folder / "hooks.py").write_text(HOOKS.replace('"plan": "gold"', '"plan": "silver"'))
    assert "silver" in watched.until("waiting for changes")
    (folder / "hookpoint.toml").write_text("[[hooks")
    watched.until("waiting for changes")
    (folder / "hookpoint.toml").write_text(CONFIGURATION)
    assert "silver" in watched.until("waiting for changes")
    assert watched.stop() == 0
