"""README and docs: what they show runs, and what they link to is there."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from joserfc.jwk import ECKey

from hookpoint.proxy.demo.authorization_server import create_authorization_server
from tests.docs.pages import PROJECT, README, all_pages, read_anchors, read_blocks, read_links
from tests.docs.sandbox import Sandbox, printed_as_told, read_commands

RUN = {"python", "toml", "console"}
# Blocks that are not run, or not here.
NOT_RUN = {
    "text": "shows output or a drawing",
    "json": "is written, for commands to read",
    "js": "is written, for hooks to run",
    "nginx": "test_nginx.py runs it",
    "systemd": "test_systemd.py verifies it",
}


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.chdir(tmp_path)
    oauth_app = create_authorization_server(
        "http://127.0.0.1:8000", clients=[], signing_key=ECKey.generate_key("P-256")
    )
    sandbox = Sandbox(tmp_path, names={"oauth_app": oauth_app})
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield sandbox
    finally:
        sandbox.close()
        structlog.reset_defaults()  # a page shows how logging is configured
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in all_pages() if read_blocks(page)], ids=name_of)
def test_what_a_page_shows_runs(page: Path, sandbox: Sandbox) -> None:
    for block in read_blocks(page):
        sandbox.run(block)


@pytest.mark.parametrize("page", all_pages(), ids=name_of)
def test_blocks_are_run_or_known_not_to_be(page: Path) -> None:
    for block in read_blocks(page):
        assert block.language in RUN | NOT_RUN.keys(), f"{block}: is {block.language!r} run?"
        if block.language == "console":
            assert read_commands(block.text), f"{block}: no line begins with '$ '"


@pytest.mark.parametrize("page", all_pages(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in read_links(page):
        path, _, anchor = target.partition("#")
        assert "://" not in path, f"{name_of(page)} links to {target}, which nobody checks"
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{name_of(page)} links to {target}, which is not there"
        assert not anchor or anchor in read_anchors(found), f"{name_of(page)} links to {target}: no such heading"


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [README]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / target.partition("#")[0]).resolve() for target in read_links(page)]
    assert set(all_pages()) <= reached, "pages that no link leads to"


def test_the_readme_shows_what_the_demo_prints() -> None:
    hookpoint = Path(sys.executable).parent / "hookpoint"
    done = subprocess.run(
        [hookpoint, "demo", "--once"],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    shown = next(block for block in read_blocks(README) if block.language == "text")
    for line in filter(str.strip, shown.text.splitlines()):
        assert " ".join(line.split()) in [" ".join(printed.split()) for printed in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("told", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nb\nc\n", False),
        ("a\n…", "a\nb\nc\n", True),
        ("…\nc", "a\nb\nc\n", True),
        ("x … z", "x y z\n", True),
        ("x … z", "x y\nz\n", False),
        ("a", "b\n", False),
    ],
)
def test_outputs_are_compared_but_for_ellipses(told: str, printed: str, same: bool) -> None:
    assert printed_as_told(told, printed) is same


def test_commands_are_read_with_continuations_and_output() -> None:
    commands = read_commands("$ first \\\n    more\nprinted\n\n$ second\n")
    assert [(command.line, command.output) for command in commands] == [
        ("first \\\n    more", "printed"),
        ("second", ""),
    ]
