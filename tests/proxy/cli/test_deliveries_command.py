"""`hookpoint hooks deliveries` as users run it, beside a running server: a hook that failed, and a call whose answer was lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from typer.testing import CliRunner

from hookpoint.proxy.cli import app
from tests.partners.loopback import open_http
from tests.proxy.cli.test_commands import hookpoint
from tests.proxy.e2e.product import Product, eventually, run_hookpoint
from tests.proxy.e2e.serving import serve_in_thread
from tests.proxy.users.scripted import Said, Scripted

SIGN_UP = "/dbconnections/signup"
HOOKS = """
from pathlib import Path

from hookpoint.hooks import PostUserRegistration, post_user_registration

FOLDER = Path(__file__).parent


@post_user_registration
def welcome(event: PostUserRegistration) -> None:
    if not (FOLDER / "mended").exists():
        raise ConnectionError("the mail server is away")
    with (FOLDER / "welcomed.txt").open("a") as welcomed:
        print(event.user.id, event.user.email, file=welcomed)
"""
CONFIGURATION = """
[upstream]
url = "{upstream}"
dialect = "auth0"

[store]
url = "sqlite:///{folder}/store.db"

[deliveries]
attempts = 1
poll = 0.05

[[hooks]]
run = "hooks.py"
"""


def losing_answers(server: ASGIApp) -> ASGIApp:
    """The server, which does what it is asked and then breaks the connection where the query says so."""

    async def lose(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["query_string"] != b"lose":
            await server(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"_id":', "more_body": True})

    return lose


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running hookpoint in a folder, in which commands are run; one sign-up went wrong at its hook, one answer was lost."""

    folder: Path
    product: Product

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return hookpoint(self.folder, "hooks", "deliveries", *arguments)

    async def sign_up(self, email: str, query: str = "") -> int:
        body = {"client_id": "app", "connection": "Users", "email": email, "password": "correct horse battery"}
        async with open_http() as http:
            answer = await http.post(f"{self.product.url}{SIGN_UP}{query}", json=body)
        return int(answer.status_code)

    async def welcomed(self, count: int) -> list[str]:
        """Whom the hook has welcomed, once they are so many."""

        async def read() -> list[str]:
            path = self.folder / "welcomed.txt"
            return path.read_text().splitlines() if path.exists() else []

        return await eventually(read, lambda lines: len(lines) >= count)

    def let_time_pass(self) -> None:
        """Have the time behind us that a call may take: more than a minute, unless configured."""
        with closing(sqlite3.connect(self.folder / "store.db", timeout=20)) as store, store:
            store.execute("UPDATE hook_events SET due_at = 0 WHERE state = 'intent'")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    said = Said(body={"_id": "u1", "email": "ada@example.com", "email_verified": False})
    server = Scripted(answers={f"POST {SIGN_UP}": said})
    with serve_in_thread(losing_answers(server.app)) as upstream:
        configuration = CONFIGURATION.format(upstream=upstream, folder=tmp_path)
        with run_hookpoint(tmp_path, configuration, hooks=HOOKS) as product:
            yield Stage(folder=tmp_path, product=product)


async def test_what_is_dead_or_unknown_is_seen_and_put_right(stage: Stage) -> None:
    assert await stage.sign_up("ada@example.com") == 200
    assert stage.product.events("delivery_dead")
    assert await stage.sign_up("bob@example.com", "?lose") == 502
    stage.let_time_pass()
    assert stage.product.events("outcome_unknown", level="error")

    listed = stage.run("list")
    assert (listed.returncode, listed.stderr) == (0, "")
    head, dead, unknown = (line.split() for line in listed.stdout.splitlines())
    assert head[:6] == ["event", "point", "hook", "state", "attempts", "began"]
    assert dead[1:5] == ["post-user-registration", "welcome", "dead", "1"]
    assert dead[-2:] == ["raised", "ConnectionError"]
    assert unknown[1:3] == ["post-user-registration", "unknown"]
    ada, bob = dead[0], unknown[0]

    shown = stage.run("show", ada)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert '"email": "ada@example.com"' in shown.stdout
    assert "welcome: dead, attempts 1, since " in shown.stdout
    assert "correct horse battery" not in shown.stdout

    wrong = stage.run("resolve", ada, "--happened")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"the outcome of the event {ada} is not unknown" in wrong.stderr

    (stage.folder / "mended").touch()
    replayed = stage.run("replay", ada)
    assert (replayed.returncode, replayed.stdout, replayed.stderr) == (0, "1 delivery is due again.\n", "")
    assert await stage.welcomed(1) == ["u1 ada@example.com"]
    resolved = stage.run("resolve", bob, "--happened", "--user-id", "u2")
    assert (resolved.returncode, resolved.stdout, resolved.stderr) == (0, "Its hooks are due.\n", "")
    assert (await stage.welcomed(2))[1:] == ["u2 bob@example.com"]
    assert stage.product.events("delivery_done", event_id=bob)
    as_json = stage.run("list", "--json", "--state", "done", "--state", "dead")
    assert (as_json.returncode, as_json.stderr) == (0, "")
    told = [(each["event"], each["hook"], each["state"], each["next"]) for each in json.loads(as_json.stdout)]
    assert told == [(ada, "welcome", "done", None), (bob, "welcome", "done", None)]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "hookpoint.toml").write_text(CONFIGURATION.format(upstream="http://127.0.0.1:9", folder=tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (["show", "nobody"], 1, "there is no event nobody"),
        (["replay", "nobody"], 1, "there is nothing to repeat of the event nobody"),
        (["resolve", "nobody", "--refused"], 1, "there is no event nobody"),
        (["list", "--state", "lost"], 2, "'lost' is no state"),
        (["replay"], 2, "name an event, or say --all"),
    ],
    ids=["show", "replay", "resolve", "state", "nothing-named"],
)
def test_what_cannot_be_done_is_said(empty: Path, command: list[str], code: int, reason: str) -> None:
    configuration = str(empty / "hookpoint.toml")
    failed = CliRunner().invoke(app, ["-c", configuration, "hooks", "deliveries", *command])
    assert (failed.exit_code, failed.stdout) == (code, "")
    assert reason in failed.stderr
    assert "Traceback" not in failed.stderr
