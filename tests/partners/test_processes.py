"""The ground that the partners stand on: processes, ports, and what happens when something is missing."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.partners import install
from tests.partners.loopback import open_http
from tests.partners.node import node_modules, require_node, run_script
from tests.partners.processes import reserve_port, server_process
from tests.partners.requirement import require

if TYPE_CHECKING:
    from starlette.requests import Request

ECHO = (
    "import json, sys\n"
    "settings = json.loads(sys.stdin.readline())\n"
    "print('a banner', flush=True)\n"
    "print('hello from below', file=sys.stderr, flush=True)\n"
    "print(json.dumps({'heard': settings}), flush=True)\n"
    "sys.stdin.read()\n"
)
# Starts a server that holds the descriptor in argv[2] open, and is killed before it can stop the server.
ORPHAN = (
    "import os, signal, sys\n"
    "from tests.partners.processes import server_process\n"
    "with server_process([sys.executable, '-c', sys.argv[1]], pass_fds=[int(sys.argv[2])]):\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
)


def test_a_server_gets_its_settings_and_ends_with_the_block() -> None:
    with server_process([sys.executable, "-c", ECHO], settings={"a": [1, "ü"]}) as server:
        assert server.ready == {"heard": {"a": [1, "ü"]}}
        assert psutil.pid_exists(server.pid)
    assert not psutil.pid_exists(server.pid)
    assert server.log() == "hello from below\n"


def test_a_server_that_dies_shows_its_stderr() -> None:
    with (
        pytest.raises(RuntimeError, match="no such setting"),
        server_process([sys.executable, "-c", "import sys; sys.exit('no such setting')"]),
    ):
        pytest.fail("it got ready")


def test_a_server_that_never_gets_ready_is_given_up() -> None:
    with (
        pytest.raises(RuntimeError, match="did not get ready"),
        server_process([sys.executable, "-c", "import sys; sys.stdin.read()"], ready_seconds=0.5),
    ):
        pytest.fail("it got ready")


def test_a_server_does_not_outlive_killed_tests() -> None:
    reader, writer = os.pipe()
    killed = subprocess.run([sys.executable, "-c", ORPHAN, ECHO, str(writer)], pass_fds=[writer], check=False)
    os.close(writer)
    assert killed.returncode == -signal.SIGKILL
    # The pipe ends when the last process that holds its other end has ended.
    ended, _, _ = select.select([reader], [], [], 10)
    assert ended == [reader]
    assert os.read(reader, 1) == b""
    os.close(reader)


async def test_a_reserved_port_is_served_by_uvicorn_without_a_race() -> None:
    async def greet(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.url))

    with reserve_port() as reserved:
        async with open_http() as http:
            early = asyncio.create_task(http.get(f"{reserved.url}/early"))
            server = uvicorn.Server(uvicorn.Config(Starlette(routes=[Route("/early", greet)]), log_config=None))
            serving = asyncio.create_task(server.serve(sockets=[reserved.socket]))
            assert (await early).text == f"{reserved.url}/early"
        server.should_exit = True
        await serving


def test_missing_things_fail_in_ci_and_skip_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert require("found", "never said") == "found"
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="missing: a thing"):
        require(None, "a thing")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="missing: a thing"):
        require(None, "a thing")


def test_install_is_done_once(capsys: pytest.CaptureFixture[str]) -> None:
    require_node()
    stamp = node_modules() / ".stamp"
    before = stamp.stat().st_mtime_ns
    assert install.main() == 0
    assert str(node_modules()) in capsys.readouterr().out
    assert stamp.stat().st_mtime_ns == before


def test_a_script_that_fails_shows_its_stderr() -> None:
    require_node()
    with pytest.raises(AssertionError, match="Cannot find module"):
        run_script("clients/no_such_client.mjs", {})
