"""`hookpoint hooks list` and `hooks test` as users run them, in a terminal of 80 columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.proxy.cli.test_commands import hookpoint

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

HOOKS = """
import sys
import time

from hookpoint.hooks import *


@credentials_exchange(order=5)
async def add_plan(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"plan": event.client.metadata["plan"]}, scope=event.scope - {"debug"})


@credentials_exchange(order=7, early=True)
def refuse_suspended(event: CredentialsExchange) -> None:
    if event.client.id == "suspended":
        raise Deny("access_denied", "This client is suspended.")


@pre_user_registration(needs_password=True, timeout=0.5)
def judge_password(event: PreUserRegistration) -> UserChanges:
    assert event.password == "Sample-password-1"
    return UserChanges(app_metadata={"key": event.secrets["API_KEY"]})


@post_change_password
async def crash(event: PostChangePassword) -> None:
    raise KeyError("missing")


@post_user_registration(timeout=0.05)
def hang(event: PostUserRegistration) -> None:
    time.sleep(60)
"""
LEGACY = """
from hookpoint.hooks import *


@credentials_exchange
async def claim_the_issuer_as_we_always_have(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"iss": "https://us.example"})


@credentials_exchange(name="look", order=9)
def look_only(event: CredentialsExchange) -> None: ...
"""
CONFIGURATION = """
[upstream]
url = "http://127.0.0.1:9"

[limits]
hook_timeout = 2.5

[[hooks]]
run = "hooks.py"
secrets = { API_KEY = "k1" }

[[hooks]]
run = "legacy/hooks.py"
on_error = "skip"
when = { client_id = ["m2m-*", "batch"], audience = ["https://api.example.com"] }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hookpoint.toml").write_text(CONFIGURATION)
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "legacy").mkdir()
    (tmp_path / "legacy" / "hooks.py").write_text(LEGACY)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return hookpoint(folder, "hooks", *arguments, COLUMNS="80")


def event_file(folder: Path, **members: object) -> str:
    (folder / "event.json").write_text(json.dumps(members))
    return "event.json"


def shown(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of what was printed, without the time that each hook took, and without the spaces between columns."""
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    return [_without_time(line) for line in lines if line.strip()]


def _without_time(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    parts = (part.strip() for part in line.strip().split("  "))
    return indent + "  ".join(part for part in parts if part and not part.endswith(" ms"))


def test_list_shows_hooks_by_point_in_the_order_in_which_they_run(folder: Path) -> None:
    done = run(folder, "list")
    assert done.returncode == 0
    assert shown(done) == [
        "credentials-exchange",
        "  refuse_suspended  hooks.py:13",
        "    order 7, 2.5 s, on error deny, early",
        "  claim_the_issuer_as_we_always_have  legacy/hooks.py:5",
        "    order 0, 2.5 s, on error skip",
        "    when client_id m2m-* or batch; audience https://api.example.com",
        "  add_plan  hooks.py:8",
        "    order 5, 2.5 s, on error deny",
        "  look  legacy/hooks.py:10",
        "    order 9, 2.5 s, on error skip",
        "    when client_id m2m-* or batch; audience https://api.example.com",
        "pre-user-registration",
        "  judge_password  hooks.py:19",
        "    order 0, 0.5 s, on error deny, sees passwords",
        "post-user-registration",
        "  hang  hooks.py:30",
        "    order 0, 0.05 s, after the answer, 10 attempts",
        "post-change-password",
        "  crash  hooks.py:25",
        "    order 0, 30 s, after the answer, 10 attempts",
    ]


def test_list_without_hooks_says_how_to_add_one(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_text('[upstream]\nurl = "http://127.0.0.1:9"\n')
    done = run(tmp_path, "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert 'run = "hooks.py"' in done.stdout
    failed = run(tmp_path, "test", "credentials-exchange")
    assert failed.returncode == 1
    assert failed.stderr == "✗ no hook at credentials-exchange\n  → Hooks there: none.\n"


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        (HOOKS.replace("order=5", "oder=5"), "hooks.py:8: credentials-exchange has no option 'oder'", "Did you mean"),
        (HOOKS.replace("import time", "import tine"), "hooks.py:3: raised ModuleNotFoundError", "Correct the file."),
        (HOOKS.replace("import time", "sys.exit(0)"), "hooks.py:3: raised SystemExit on import: 0.", "Correct"),
        (HOOKS + "twin = credentials_exchange(name='look')(lambda event: None)\n", "'look' of credentials", "name="),
    ],
    ids=["option", "import", "exit", "twin"],
)
@pytest.mark.parametrize("command", [["list"], ["test", "credentials-exchange"]], ids=["list", "test"])
def test_wrong_hooks_are_told_without_a_traceback(
    folder: Path, command: list[str], text: str, reason: str, remedy: str
) -> None:
    (folder / "hooks.py").write_text(text)
    done = run(folder, *command)
    assert "Traceback" not in done.stdout + done.stderr
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert remedy in done.stderr


def test_a_time_limit_beyond_that_of_all_hooks_is_told_without_a_traceback(folder: Path) -> None:
    (folder / "hooks.py").write_text(HOOKS.replace("timeout=0.5", "timeout=50"))
    done = run(folder, "test", "pre-user-registration")
    assert (done.returncode, done.stdout) == (1, "")
    assert "hooks.py:19: timeout=50 is longer than all hooks together may take" in done.stderr


def test_test_shows_what_hooks_change(folder: Path) -> None:
    done = run(folder, "test", "credentials-exchange")
    assert done.returncode == 0
    assert shown(done) == [
        "refuse_suspended  unchanged  hooks.py:13",
        "add_plan  changed  hooks.py:8",
        "          before  after",
        "~  scope  reports:read debug  reports:read",
        "+  plan  gold",
    ]


def test_an_event_of_ones_own_is_laid_over_the_sample(folder: Path) -> None:
    members = {"client": {"id": "m2m-1", "metadata": {"plan": "free"}}, "scope": ["a"], "claims": {"scope": "a"}}
    done = run(folder, "test", "credentials-exchange", "--event", event_file(folder, **members))
    assert done.returncode == 0
    assert shown(done) == [
        "refuse_suspended  unchanged  hooks.py:13",
        "claim_the_issuer_as_we_always_have  skipped  legacy/hooks.py:5",
        "  changed the claim 'iss', which only the issuer sets; use a claim of your own",
        "add_plan  changed  hooks.py:8",
        "look  unchanged  legacy/hooks.py:10",
        "         before  after",
        "+  plan  free",
    ]


def test_one_hook_may_be_chosen(folder: Path) -> None:
    event = event_file(folder, client={"id": "batch"})
    done = run(folder, "test", "credentials-exchange", "--event", event, "--hook", "look")
    assert (done.returncode, shown(done)) == (0, ["look  unchanged  legacy/hooks.py:10", "no changes"])
    done = run(folder, "test", "credentials-exchange", "--hook", "look")
    assert done.returncode == 0
    assert shown(done) == ["No hook runs for this event: none of their conditions is met.", "no changes"]
    failed = run(folder, "test", "credentials-exchange", "--hook", "lock")
    assert (failed.returncode, failed.stdout) == (1, "")
    there = "claim_the_issuer_as_we_always_have, add_plan, refuse_suspended, look"
    assert failed.stderr == f"✗ no such hook at credentials-exchange\n  → Hooks there: {there}.\n"


def test_a_hook_has_its_secrets_and_the_password_if_it_asked(folder: Path) -> None:
    done = run(folder, "test", "pre-user-registration")
    assert (done.returncode, shown(done)[2:]) == (0, ["+  user.app_metadata.key  k1"])


def test_a_denial_is_an_answer_and_no_failure(folder: Path) -> None:
    done = run(folder, "test", "credentials-exchange", "--event", event_file(folder, client={"id": "suspended"}))
    assert done.returncode == 0
    assert shown(done) == [
        "refuse_suspended  denied  hooks.py:13",
        "denied: access_denied: This client is suspended.",
    ]
    failed = run(folder, "test", "credentials-exchange", "--event", "event.json", "--fail-on-deny")
    assert (failed.returncode, shown(failed)) == (1, shown(done))


def test_a_crash_shows_its_traceback_and_fails(folder: Path) -> None:
    done = run(folder, "test", "post-change-password")
    assert (done.returncode, done.stderr) == (1, "")
    assert f'File "{folder}/hooks.py", line 27, in crash' in done.stdout
    assert "KeyError: 'missing'" in done.stdout
    assert "chain.py" not in done.stdout
    assert done.stdout.endswith("failed: hook 'crash' raised KeyError\n")


def test_a_hook_that_hangs_fails_in_time_and_lets_the_command_end(folder: Path) -> None:
    done = run(folder, "test", "post-user-registration")
    assert (done.returncode, done.stderr) == (1, "")
    assert shown(done)[1:] == ["  took longer than 0.05 s", "failed: hook 'hang' took longer than 0.05 s"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[]", "event must be an object."),
        (b"{", "Expecting property name"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[" * 200_000, "recursion"),
        (b'{"scop": []}', "event has an unknown member 'scop'; did you mean 'scope'?"),
        (b'{"client": {}}', "event.client lacks 'id'."),
        (b'{"claims": {"a": NaN}}', "event.claims has a number that is not finite."),
    ],
    ids=["array", "syntax", "not text", "too deep", "unknown", "lacking", "NaN"],
)
def test_a_bad_event_file_is_told_without_a_traceback(folder: Path, content: bytes, reason: str) -> None:
    (folder / "event.json").write_bytes(content)
    done = run(folder, "test", "credentials-exchange", "--event", "event.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("✗ event.json: ")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_event_file_is_told(folder: Path) -> None:
    done = run(folder, "test", "credentials-exchange", "--event", "nothing.json")
    assert done.returncode == 1
    assert done.stderr == "✗ nothing.json: No such file or directory\n  → Name a JSON file.\n"
    assert run(folder, "test", "credentials-exchange", "--event", "legacy").returncode == 2


def test_an_unknown_trigger_names_the_known_ones(folder: Path) -> None:
    done = run(folder, "test", "credentials-exchanges")
    assert (done.returncode, done.stdout) == (2, "")
    assert "credentials-exchange, token-issuance" in " ".join(done.stderr.replace("│", "").split())


def test_without_a_subcommand_both_are_shown(folder: Path) -> None:
    done = run(folder)
    assert "list" in done.stdout + done.stderr
    assert "test" in done.stdout + done.stderr


def test_problems_of_the_configuration_come_first(folder: Path) -> None:
    (folder / "hookpoint.toml").write_text(CONFIGURATION.replace("hook_timeout", "hook_timout"))
    for command in (["list"], ["test", "credentials-exchange"]):
        done = run(folder, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "hook_timout" in done.stderr
