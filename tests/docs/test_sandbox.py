"""What is wrong on a page is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hookpoint.proxy.config import ConfigurationError
from hookpoint.proxy.dialects import DialectError
from tests.docs.pages import Block
from tests.docs.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path, names={"given": 1})
    yield sandbox
    sandbox.close()


def block(language: str, text: str, **attributes: str) -> Block:
    return Block(page=Path(__file__), line=1, language=language, attributes=attributes, text=text)


@pytest.mark.parametrize(
    "wrong",
    [
        block("console", "$ echo one\ntwo\n"),
        block("console", "$ false\n"),
        block("console", "$ true\n", exit="1"),
        block("console", "$ cat missing | cat\n"),
        block("console", "$ sh -c 'echo one'\ntwo\n", background=""),
        block("python", "assert given == 2\n"),
        block("python", "import hookpoint.missing\n"),
        block("toml", "[server]\nlisten_to = 1\n"),
        block("toml", "title = 'no dialect'\n", title="acme.toml"),
    ],
    ids=lambda wrong: wrong.text.strip(),
)
def test_what_is_not_as_told_is_an_error(sandbox: Sandbox, wrong: Block) -> None:
    with pytest.raises((AssertionError, ImportError, ConfigurationError, DialectError)):
        sandbox.run(wrong)


def test_blocks_go_on_where_the_one_before_ended(sandbox: Sandbox) -> None:
    sandbox.run(block("python", "given += 1\n"))
    sandbox.run(block("python", "assert given == 2\n"))
    sandbox.run(block("text", "some words\n", title="words.txt"))
    sandbox.run(block("console", "$ export NAME=value\n$ echo $NAME; cat words.txt\nvalue\nsome …\n"))


def test_a_command_that_keeps_running_is_replaced_by_its_next_start(sandbox: Sandbox) -> None:
    server = block(
        "console", "$ sh -c 'echo $$ >> started; echo 127.0.0.1:80; exec sleep 60'\n127.0.0.1:80\n", background=""
    )
    sandbox.run(server)
    sandbox.run(server)
    first, second = (sandbox.folder / "started").read_text().split()
    sandbox.run(block("console", f"$ kill -0 {second}\n"))
    sandbox.run(block("console", f"$ kill -0 {first}\n…\n", exit="1"))
