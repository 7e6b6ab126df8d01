"""A command that was started from an imported package is the one that users start."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.partners.warm_start import HOOKPOINT, PipedProcess, run_command

ENV = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
SERVED = '[server]\nlisten = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\n[upstream]\nurl = "http://127.0.0.1:9"\n'


@pytest.mark.parametrize("arguments", [["--version"], ["keys", "--help"], ["no-such-command"], ["check"]])
def test_it_says_and_returns_what_a_real_start_does(tmp_path: Path, arguments: list[str]) -> None:
    cold = subprocess.run([HOOKPOINT, *arguments], cwd=tmp_path, env=ENV, capture_output=True, text=True, check=False)
    warm = run_command(arguments, cwd=tmp_path, env=ENV)
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_each_has_the_environment_that_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_text('[upstream]\nurl = "http://127.0.0.1:9"\n')
    assert "HOOKPOINT_NO_SUCH" in run_command(["check"], cwd=tmp_path, env=ENV | {"HOOKPOINT_NO_SUCH": "1"}).stderr
    assert "HOOKPOINT_NO_SUCH" not in run_command(["check"], cwd=tmp_path, env=ENV).stderr


@pytest.mark.parametrize("fresh", [False, True])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "hookpoint.toml").write_text(SERVED)
    with (tmp_path / "log").open("w") as log:
        process = PipedProcess(["serve"], cwd=tmp_path, env=ENV, stderr=log.fileno(), fresh=fresh)
    assert process.stdout.readline().startswith("hookpoint ready on http://127.0.0.1:")
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert process.stdout.read() == ""
    process.stdout.close()
    assert "serving_stopped" in (tmp_path / "log").read_text()


def test_a_killed_one_is_gone(tmp_path: Path) -> None:
    (tmp_path / "hookpoint.toml").write_text(SERVED)
    with Path(os.devnull).open("w") as log:
        process = PipedProcess(["serve"], cwd=tmp_path, env=ENV, stderr=log.fileno())
    process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert not psutil.pid_exists(process.pid)
    process.stdout.close()
