"""The systemd unit of the page on reverse proxies is one that systemd understands, and runs a command that exists."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, read_blocks

PAGE = DOCS / "how-to" / "reverse-proxy.md"


@pytest.fixture
def unit() -> str:
    return next(block.text for block in read_blocks(PAGE) if block.language == "systemd")


def setting(unit: str, name: str) -> str:
    return next(line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{name}="))


def test_the_unit_is_a_unit_that_systemd_understands(unit: str, tmp_path: Path) -> None:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit)
    assert parser.sections() == ["Unit", "Service", "Install"]
    if shutil.which("systemd-analyze") is None:  # comes with systemd alone
        return
    path = tmp_path / "hookpoint.service"
    # The program of the page is not installed where tests run.
    path.write_text(unit.replace("/opt/hookpoint/bin/hookpoint", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "hookpoint.service" in line]
    assert complaints == []


def test_the_unit_runs_a_command_that_exists(unit: str, tmp_path: Path) -> None:
    program, *arguments = shlex.split(setting(unit, "ExecStart"))
    hookpoint = Path(sys.executable).parent / Path(program).name
    done = subprocess.run([hookpoint, *arguments, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Run the reverse proxy" in done.stdout


def test_systemd_waits_longer_than_hookpoint_drains(unit: str) -> None:
    from hookpoint.proxy.config import LimitSettings

    assert float(setting(unit, "TimeoutStopSec")) > LimitSettings().drain_timeout
