from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from hookpoint.proxy.cli.demo import HeldLog, tell
from hookpoint.proxy.demo import page
from tests.leak_scan import scan
from tests.partners.requirement import require
from tests.proxy.demo.test_story import forward_to, secret_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
LAST_LINE = "stays up until Ctrl-C"


@asynccontextmanager
async def demo(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command in a process of its own, as a user runs it."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONUNBUFFERED": "1",
        "HOOKPOINT_UPSTREAM__URL": "not a URL",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from hookpoint.proxy.cli import main; main()",
        "demo",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_once_tells_the_story_and_ends_well() -> None:
    async with demo("--once") as process, asyncio.timeout(60):
        out, err = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, text + err.decode()
    assert text.count("✓") == 13
    assert "✗" not in text
    assert "403 insufficient_scope" in text
    assert "This client is suspended." in text
    assert "\x1b" not in text
    assert all(len(line) <= page.WIDTH for line in text.splitlines())
    assert err == b""


async def test_the_commands_it_prints_do_what_they_say() -> None:
    require(shutil.which("curl") and shutil.which("bash"), "curl and bash")
    async with demo() as process, asyncio.timeout(60):
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or LAST_LINE not in lines[-1]:
            lines.append((await process.stdout.readline()).decode())
        start = next(number for number, line in enumerate(lines) if "Try it yourself" in line) + 1
        end = next(number for number, line in enumerate(lines) if "The hooks:" in line)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-eu", "-c", "".join(lines[start:end]), stdout=asyncio.subprocess.PIPE
        )
        answers = (await shell.communicate())[0].decode()
        process.send_signal(signal.SIGINT)
        _, log = await process.communicate()
    assert shell.returncode == 0
    assert answers.count('"access_token"') == 2
    assert '"error":"access_denied"' in answers.replace(" ", "")
    assert '"https://example.com/plan":"gold"' in answers.replace(" ", "")
    assert process.returncode == 0
    assert '"code":"extensibility_error"' in answers.replace(" ", "")
    assert '"user_metadata":{"plan":"trial"}' in answers.replace(" ", "")
    assert "/lo/reset?ticket=" in answers
    assert log.count(b"hook_denied") == 2, log.decode()  # of requests made here; those of the story are not shown
    assert b"Traceback" not in log
    scan(log.decode().splitlines(), "the log of the demo")


async def test_a_story_that_goes_wrong_is_told_with_its_log() -> None:
    stderr = io.StringIO()
    log = HeldLog(stderr)
    log.write("what happened\n")
    console = Console(file=io.StringIO(), width=page.WIDTH)
    assert await tell(console, log, forward_to(secret_of), patience=0.0) is False
    assert isinstance(console.file, io.StringIO)
    assert (
        "✗ a hook adds the claim of the client's plan: seen None without hooks, None with hooks"
        in console.file.getvalue()
    )
    assert stderr.getvalue() == "what happened\n"


def test_a_held_log_lets_lines_through_once_it_is_released() -> None:
    stderr = io.StringIO()
    log = HeldLog(stderr)
    log.write("before\n")
    log.release(keep=False)
    log.write("after\n")
    log.release(keep=True)
    assert stderr.getvalue() == "after\n"
