"""Reads the pages of the documentation: their fenced blocks, links and headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
README = PROJECT / "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: the first word of its info string, the others (`title="hooks.py"`, `background`), its text."""

    page: Path
    line: int
    language: str
    attributes: Mapping[str, str]
    text: str

    @property
    def title(self) -> str | None:
        """The name of the file that the block shows, if it shows one."""
        return self.attributes.get("title")

    def __str__(self) -> str:
        return f"{self.page.relative_to(PROJECT)}:{self.line}"


def all_pages() -> list[Path]:
    """README.md and every page below docs/."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    return [_block(page, token) for token in _tokens(page) if token.type == "fence"]


def _block(page: Path, token: Token) -> Block:
    words = shlex.split(token.info)
    attributes = {name: value for name, _, value in (word.partition("=") for word in words[1:])}
    line = token.map[0] + 1 if token.map else 0
    return Block(page=page, line=line, language=words[0] if words else "", attributes=attributes, text=token.content)


def read_links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links."""
    for token in _tokens(page):
        for child in token.children or ():
            target = child.attrGet("href") if child.type == "link_open" else None
            if target is not None:
                yield str(target)


def read_anchors(page: Path) -> set[str]:
    """Return the fragments by which the headings of a page are linked, made as GitHub makes them."""
    tokens = _tokens(page)
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))
