"""The example of a plugin: installed as a package, found by its entry point, and its own tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PLUGIN = PROJECT / "examples" / "sms_plugin"

FIND = """
from hookpoint.providers.loading import build
provider = build({"type": "acme", "name": "mine", "api_key": "k"})
print(type(provider).__module__, provider.name)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A process's environment in which the plugin is installed, and nowhere else."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "plugin"
    source.mkdir()
    for path in PLUGIN.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = source / path.relative_to(PLUGIN)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", folder, source], check=True, capture_output=True, timeout=120)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(PROJECT / "src")])}


def test_the_plugin_is_found_by_its_entry_point(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", FIND], env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["acme_sms", "mine"]


def test_the_plugins_own_tests_pass(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(
        [*command, "-o", "asyncio_mode=auto", "--rootdir", PLUGIN, PLUGIN / "tests"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout
