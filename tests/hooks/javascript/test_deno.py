"""Scripts in Deno: what they may not do unless the configuration says so."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hookpoint.hooks import Client, HookCrashed, HookTimedOut
from hookpoint.hooks.javascript import JavaScript, Script
from tests.hooks.javascript.scripts import load, trial, write
from tests.partners.requirement import require

HEAD = "module.exports = async function (client, scope, audience, context, cb) {\n"
OUT = "https://e.example/out"
EXCHANGE = "credentials-exchange"


@pytest.fixture(autouse=True)
def _deno() -> None:
    there = shutil.which("deno") is not None or importlib.util.find_spec("deno") is not None
    require(there or None, "Deno")


@pytest.fixture
def server() -> Iterator[int]:
    """A port that answers HTTP once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def deno(folder: Path, body: str, **options: Any) -> Any:
    source = HEAD + f"  const tried = async () => {{ {body} }};\n"
    source += (
        f"  cb(null, {{ scope, '{OUT}': await tried().catch((error) => error.name + ': ' + error.message) }});\n}};"
    )
    return load(folder, source, EXCHANGE, runtime="deno", **options)


async def outcome(hooks: Any) -> Any:
    came = await trial(hooks)
    assert (came.failure, came.denial) == (None, None)
    return came.claims[OUT]


ATTEMPTS = {
    "reading a file": "return require('fs').readFileSync('/etc/hostname', 'utf8');",
    "reading with Deno": "return Deno.readTextFileSync('/etc/hostname');",
    "writing a file": "return require('fs').writeFileSync('/tmp/hookpoint-deno', 'x');",
    "its own folder": "return require('./other');",
    "the network": "return (await fetch('http://127.0.0.1:8099/')).text();",
    "a socket": "return await new Promise((r, e) => require('net').connect(8099, '127.0.0.1').on('connect', r).on('error', e));",
    "listening": "return String(Deno.listen({ port: 0 }));",
    "the environment": "return Deno.env.get('PATH');",
    "process.env": "return process.env.PATH;",
    "a process": "return require('child_process').execFileSync('/bin/true').toString();",
    "a process with Deno": "return (await new Deno.Command('/bin/true').output()).code;",
    "a library": "return Deno.dlopen('libc.so.6', {});",
    "the machine": "return Deno.hostname();",
    "code from elsewhere": "return await import('https://example.com/a.js');",
}


async def test_nothing_is_allowed_that_is_not_configured(tmp_path: Path) -> None:
    listed = ",\n".join(f"    {name!r}: async () => {{ {body} }}" for name, body in ATTEMPTS.items())
    source = HEAD + f"  const attempts = {{\n{listed}\n  }};\n  const out = {{}};\n"
    source += "  for (const name in attempts) out[name] = await attempts[name]().then(String, (error) => 'refused: ' + error.message);\n"
    source += f"  cb(null, {{ scope, '{OUT}': out }});\n}};"
    told = await outcome(load(tmp_path, source, EXCHANGE, runtime="deno"))
    assert told.keys() == ATTEMPTS.keys()
    assert [name for name, text in told.items() if not text.startswith("refused: ")] == []
    assert [name for name, text in told.items() if "access" not in text] == []


async def test_the_network_is_allowed_by_host(tmp_path: Path, server: int) -> None:
    body = f"return (await fetch('http://127.0.0.1:{server}/')).text();"
    assert "Requires net access" in await outcome(deno(tmp_path, body, net=("127.0.0.1:1",)))
    assert await outcome(deno(tmp_path, body, net=(f"127.0.0.1:{server}",))) == "hi"


async def test_files_are_allowed_by_folder(tmp_path: Path) -> None:
    write(tmp_path, "module.exports = 'beside';", "lib/other.js")
    write(tmp_path, '{"type": "commonjs"}', "lib/package.json")
    body = "return require('fs').readFileSync(__dirname + '/lib/other.js', 'utf8').length;"
    assert await outcome(deno(tmp_path, body, read=(str(tmp_path / "lib"),))) == 26
    assert "Requires read access" in await outcome(deno(tmp_path, body, read=(str(tmp_path / "elsewhere"),)))


async def test_the_environment_is_what_is_configured(tmp_path: Path) -> None:
    body = "process.env.NEW_ONE;"
    assert "Requires env access" in await outcome(deno(tmp_path, body))
    read = "let refused = 0; try { process.env.PATH } catch { refused = 1 } return [process.env.API_URL, refused];"
    assert await outcome(deno(tmp_path, read, environment={"API_URL": "https://a.example"})) == ("https://a.example", 1)


async def test_hooks_and_actions_run_as_in_node(tmp_path: Path) -> None:
    hook = (
        "class InvalidScopeError extends Error {}\n"
        "return function (client, scope, audience, context, cb) { cb(new InvalidScopeError(context.webtask.secrets.KEY + '!')); };"
    )
    came = await trial(load(tmp_path, hook, EXCHANGE, runtime="deno", secrets={"KEY": "abc"}))
    assert came.denial is not None
    assert (came.denial.code, came.denial.reason) == ("invalid_scope", "abc!")
    action = (
        "const crypto = require('crypto');\n"
        "exports.onExecuteCredentialsExchange = async (event, api) => {\n"
        f"  api.accessToken.setCustomClaim('{OUT}', crypto.createHash('sha256').update('a').digest('hex').slice(0, 6));\n}};"
    )
    assert await outcome(load(tmp_path, action, runtime="deno")) == "ca9781"
    module = f"export const onExecuteCredentialsExchange = async (event, api) => void api.accessToken.setCustomClaim('{OUT}', 1);"
    assert await outcome(load(tmp_path, module, runtime="deno", name="action.mjs")) == 1


async def test_what_crashes_or_blocks_is_told_as_in_node(tmp_path: Path) -> None:
    cases = (
        "case 'later': return setTimeout(() => { throw new Error('later'); }, 1);\n"
        "case 'lost': return void Promise.reject(new Error('lost'));\n"
        "case 'exit': Deno.exit(3);\ncase 'loop': for (;;) {}\n"
    )
    source = f"module.exports = function (client, scope, audience, context, cb) {{\nswitch (client.id) {{\n{cases}}}\ncb();\n}};"
    hooks = JavaScript().load(Script(path=write(tmp_path, source), trigger=EXCHANGE, runtime="deno"))
    for client, kind, reason in (
        ("lost", HookCrashed, "lost"),
        ("exit", HookCrashed, "process.exit"),
        ("loop", HookTimedOut, "took longer"),
    ):
        came = await trial(hooks, timeout=1.5 if client == "loop" else 30.0, client=Client(id=client))
        assert isinstance(came.failure, kind), came
        assert reason in came.failure.reason
    # Deno does not say which call an exception in a timer is of; its process goes, and the call with it.
    came = await trial(hooks, timeout=1.5, client=Client(id="later"))
    assert isinstance(came.failure, HookCrashed | HookTimedOut)
