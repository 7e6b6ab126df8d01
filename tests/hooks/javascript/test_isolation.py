"""Scripts that misbehave: what happens to them, and that nothing happens to anybody else."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from hookpoint.hooks import Chain, Hook, HookCrashed, HookFailed, HookTimedOut, Registry, credentials_exchange
from hookpoint.hooks.javascript import pool as pools
from hookpoint.hooks.javascript.pool import Pool
from hookpoint.hooks.javascript.runner import ScriptRunner
from hookpoint.hooks.testing import sample_event
from tests.hooks.javascript.scripts import PATIENCE, alive, load

HEAD = "module.exports = function (client, scope, audience, context, cb) {\n"
GOOD = HEAD + "  cb(null, { scope: scope, 'https://e.example/pid': process.pid });\n};"
BY_CLIENT = (
    HEAD
    + "  switch (client.id) {\n{cases}\n  }\n  cb(null, { scope: scope, 'https://e.example/pid': process.pid });\n};"
)
LOOP = BY_CLIENT.replace(
    "{cases}", "    case 'loop': for (;;) {}\n    case 'never': return;\n    case 'slow': return setTimeout(cb, 300);"
)
PID = "https://e.example/pid"


def pool_of(hook: Hook) -> Pool:
    assert isinstance(hook.runner, ScriptRunner)
    return hook.runner.pool


@asynccontextmanager
async def running(*hooks: Hook) -> AsyncIterator[None]:
    """Start the hooks' processes; when they are stopped, none is left."""
    registry = Registry(hooks)
    await registry.start()
    seen: set[int] = set()
    try:
        for hook in hooks:
            await has_spare(hook)
        yield
    finally:
        for hook in hooks:
            seen |= pool_of(hook).pids
        await registry.aclose()
        assert not [pid for pid in seen if alive(pid)]
        assert not [pid for hook in hooks for pid in pool_of(hook).pids]


async def has_spare(hook: Hook) -> None:
    await eventually(lambda: len(pool_of(hook).pids) == pools.READY)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


async def ask(hook: Hook, client: str = "good", *, limit: float = PATIENCE) -> Any:
    """Run one hook as a chain does; returns the process that ran it."""
    event = sample_event(credentials_exchange)
    event = type(event)(client=type(event.client)(id=client), scope=event.scope)
    chain = Chain(Registry([hook]), timeout=limit, total_timeout=limit)
    outcome = await chain.run(credentials_exchange, event)
    return outcome.event.claims.get(PID)


async def failure_of(asked: Awaitable[Any]) -> HookFailed:
    with pytest.raises(HookFailed) as failed:
        await asked
    return failed.value


async def test_a_loop_ends_at_its_deadline_and_its_process_with_it(tmp_path: Path) -> None:
    (hook,) = load(tmp_path, LOOP, "credentials-exchange")
    async with running(hook):
        first = await ask(hook)
        started = time.monotonic()
        assert isinstance(await failure_of(ask(hook, "loop", limit=0.5)), HookTimedOut)
        assert time.monotonic() - started < 0.5 + 2.0
        await eventually(lambda: not alive(first))
        second = await ask(hook)
        assert second != first
        await has_spare(hook)


async def test_calls_that_had_not_begun_in_a_blocked_process_run_in_another(tmp_path: Path) -> None:
    (hook,) = load(tmp_path, LOOP, "credentials-exchange")
    async with running(hook):
        blocked = asyncio.ensure_future(failure_of(ask(hook, "loop", limit=1.0)))
        pids = await asyncio.gather(*(ask(hook) for _ in range(40)))
        assert isinstance(await blocked, HookTimedOut)
        assert all(pids)


async def test_a_thousand_calls_beside_a_poisoned_script_do_not_notice(tmp_path: Path) -> None:
    (good,) = load(tmp_path / "good", GOOD, "credentials-exchange", name="good.js")
    (poisoned,) = load(tmp_path / "bad", LOOP, "credentials-exchange", name="bad.js")
    async with running(good, poisoned):
        bad = [asyncio.ensure_future(failure_of(ask(poisoned, "loop", limit=0.5))) for _ in range(20)]
        pids = await asyncio.gather(*(ask(good) for _ in range(1000)))
        assert len(set(pids)) <= pools.MAX_PROCESSES
        assert all(isinstance(each, HookTimedOut) for each in await asyncio.gather(*bad))
        assert len(pool_of(poisoned).pids) <= pools.MAX_LIVE
        assert await ask(poisoned)


async def test_a_call_that_never_ends_leaves_the_calls_beside_it_alone(tmp_path: Path) -> None:
    (hook,) = load(tmp_path, LOOP, "credentials-exchange")
    async with running(hook):
        first = await ask(hook)
        never = asyncio.ensure_future(failure_of(ask(hook, "never", limit=0.2)))
        await asyncio.sleep(0)
        slow = asyncio.ensure_future(ask(hook, "slow"))
        assert isinstance(await never, HookTimedOut)
        await slow  # answered by the process that is to go
        await eventually(lambda: not alive(first))


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("var a = []; for (;;) { a.push(new Array(100000).fill(a.length)); }", "ran out of memory (32 MB)"),
        ("var a = []; for (;;) { a.push(Buffer.alloc(1 << 20, 1)); }", ""),
        ("process.kill(process.pid, 'SIGKILL');", "ended by itself with -9"),
        ("process.reallyExit(5);", "ended by itself with 5"),
        ("setTimeout(function () { throw new Error('late'); }, 5);", "raised Error: late"),
        ("new Promise(function () { throw new Error('lost'); });", "raised Error: lost"),
    ],
)
async def test_a_crash_fails_its_call_and_nothing_else(tmp_path: Path, act: str, reason: str) -> None:
    source = BY_CLIENT.replace("{cases}", f"    case 'bad': {act} return;")
    (hook,) = load(tmp_path / "bad", source, "credentials-exchange", memory=32)
    (other,) = load(tmp_path / "good", GOOD, "credentials-exchange", name="good.js")
    async with running(hook, other):
        before = await ask(other)
        failure = await failure_of(ask(hook, "bad"))
        assert isinstance(failure, HookCrashed)
        assert reason in failure.reason
        assert await ask(hook)
        assert psutil.pid_exists(before)
        assert await ask(other)


async def test_scripts_share_neither_globals_nor_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_HOOKPOINT", "hunter2")
    source = HEAD + (
        "  globalThis.count = (globalThis.count || 0) + 1; process.env.COUNT = String(globalThis.count);\n"
        "  var open = require('fs').readdirSync('/proc/self/fd').map(Number);\n"
        "  var names = Object.keys(process.env).filter(function (name) { return /SECRET|HOOKPOINT|COUNT|OWN/.test(name); });\n"
        "  cb(null, { scope: scope, 'https://e.example/pid': [globalThis.count, names.sort(), process.env.OWN] });\n};"
    )
    hooks = [
        load(tmp_path, source, "credentials-exchange", name=f"{name}.js", environment={"OWN": name})[0] for name in "ab"
    ]
    async with running(*hooks):
        assert await ask(hooks[0]) == (1, ("COUNT", "OWN"), "a")
        assert await ask(hooks[1]) == (1, ("COUNT", "OWN"), "b")


async def test_a_process_has_nothing_open_of_ours(tmp_path: Path) -> None:
    (hook,) = load(tmp_path, GOOD, "credentials-exchange")
    secret = tmp_path / "secret"
    secret.write_text("x")
    with secret.open() as held:
        os.set_inheritable(held.fileno(), True)
        async with running(hook):
            pid = await ask(hook)
            opened = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
            assert str(secret) not in opened
            assert sum(each.startswith("socket:") for each in opened) == 1


async def test_a_script_that_has_started_a_program_leaves_none_behind(tmp_path: Path) -> None:
    source = HEAD + (
        "  var child = require('child_process').spawn('sleep', ['600'], { stdio: 'inherit' });\n"
        "  cb(null, { scope: scope, 'https://e.example/pid': child.pid });\n};"
    )
    (hook,) = load(tmp_path, source, "credentials-exchange")
    async with running(hook):
        child = await ask(hook)
        assert alive(child)
    await eventually(lambda: not alive(child))


async def test_the_console_goes_to_the_log_without_secrets_and_with_an_end(tmp_path: Path) -> None:
    source = HEAD + (
        "  console.log('hello %s', client.id, { a: 1 }); console.warn(context.webtask.secrets.KEY); console.error(new Error('e').message);\n"
        "  console.debug('d'); console.table([{ a: 1 }]); console.log('x'.repeat(10000));\n"
        "  for (var i = 0; i < 1000; i += 1) console.log(i);\n"
        "  cb(null, { scope: scope });\n};"
    )
    (hook,) = load(tmp_path, source, "credentials-exchange", secrets={"KEY": "hunter2!"})
    with structlog.testing.capture_logs() as entries:
        async with running(hook):
            await ask(hook)
    lines = [(entry["log_level"], entry["text"]) for entry in entries if entry["event"] == "hook_output"]
    assert lines[:4] == [("info", "hello good { a: 1 }"), ("warning", "[redacted]"), ("error", "e"), ("debug", "d")]
    assert all(entry["hook"] == "hook" for entry in entries if entry["event"] == "hook_output")
    assert len(lines) <= 101
    assert lines[-1][1].startswith("more than 100 lines")
    assert max(len(text) for _, text in lines) < 5000


async def test_a_script_that_cannot_be_loaded_any_more_fails_its_calls_at_once(tmp_path: Path) -> None:
    source = "if (require('fs').existsSync(__dirname + '/gone')) throw new Error('gone');\n" + GOOD
    (hook,) = load(tmp_path, source, "credentials-exchange")
    (tmp_path / "gone").touch()
    registry = Registry([hook])
    failure = await failure_of(ask(hook))
    assert failure.reason == "could not be loaded: gone"
    (tmp_path / "gone").unlink()
    await eventually(lambda: bool(pool_of(hook).pids))
    assert await ask(hook)
    await registry.aclose()
