"""`hookpoint serve` as it is run."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest
import typer

from hookpoint.proxy.cli.serve import parse_endpoint, request_limits
from hookpoint.proxy.config import LimitSettings
from hookpoint.proxy.server import Endpoint, RequestLimits
from tests.proxy.server.test_serving import READY, ROOT, Running, fetch

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[upstream]
url = "http://127.0.0.1:{upstream}"
issuer = "https://login.example.com"
"""


def write_configuration(directory: Path, text: str) -> None:
    (directory / "hookpoint.toml").write_text(text)


async def hookpoint(directory: Path, configuration: str, *arguments: str) -> Process:
    (directory / "hookpoint.toml").write_text(configuration)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from hookpoint.proxy.cli import main; main()",
        "serve",
        *arguments,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def ended(process: Process) -> tuple[int | None, str]:
    out, err = await asyncio.wait_for(process.communicate(), 20.0)
    assert out == b""
    return process.returncode, err.decode()


async def test_serves_says_what_it_misses_and_stops(tmp_path: Path) -> None:
    process = await hookpoint(tmp_path, CONFIGURATION.format(upstream=closed_port()))
    assert process.stdout is not None
    match = READY.fullmatch(await asyncio.wait_for(process.stdout.readline(), 20.0))
    assert match is not None
    server = Running(process, int(match[1]), int(match[2]))
    assert (await fetch(server.admin_port, "/livez"))[0] == 200
    status, body = await fetch(server.admin_port, "/readyz")
    assert status == 503
    assert json.loads(body)["reasons"]
    status, body = await fetch(server.port, "/oauth/token")
    assert status == 503
    assert json.loads(body)["error"] == "temporarily_unavailable"
    status, body = await fetch(server.admin_port, "/metrics")
    assert b'hookpoint_requests_total{outcome="not_ready"' in body
    code, log = await server.stop()
    assert code == 0
    assert [entry["event"] for entry in log][-1] == "serving_stopped"


async def test_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await hookpoint(tmp_path, CONFIGURATION.format(upstream=9), "--listen", address)
        code, err = await ended(process)
    assert (code, err) == (1, f"hookpoint: cannot listen on {address}: address already in use\n")


@pytest.mark.parametrize(
    ("configuration", "arguments", "code", "reason"),
    [
        (CONFIGURATION.format(upstream=9) + '\n[[hooks]]\nrun = "missing.py"\n', (), 1, "missing.py"),
        ("[server]\nlisen = 1\n", (), 1, "server.lisen"),
        (CONFIGURATION.format(upstream=9), ("--listen", "nowhere"), 2, "HOST:PORT"),
        (CONFIGURATION.format(upstream=9), ("--workers", "0"), 2, "--workers"),
    ],
)
async def test_what_is_wrong_is_said_without_a_traceback(
    tmp_path: Path, configuration: str, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    ended_with, err = await ended(await hookpoint(tmp_path, configuration, *arguments))
    assert ended_with == code
    assert reason in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:8080", Endpoint("127.0.0.1", 8080)),
        ("localhost:0", Endpoint("localhost", 0)),
        ("[::1]:65535", Endpoint("::1", 65535)),
    ],
)
def test_endpoints_are_read_as_they_are_written(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize("text", ["", "8080", ":8080", "a:", "a:b", "a:65536", "::1:80", "a:-1", "a:٣"])
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_endpoint(text)


def test_default_limits_agree_with_the_configuration() -> None:
    assert request_limits(LimitSettings()) == RequestLimits()
