"""What the pages of the story are made of."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hookpoint.proxy.demo.replies import Reply

WIDTH = 100


def heading(text: str) -> RenderableType:
    """A line above a scene."""
    return Text(f"\n{text}", "bold")


def scene(title: str, *contents: RenderableType) -> RenderableType:
    """One scene."""
    return Group(heading(title), Padding(Group(*contents), (0, 2)))


def table_of(*columns: str) -> Table:
    """A table without lines; columns may be without a name."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=any(columns), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def answer(reply: Reply) -> RenderableType:
    """An answer in one line, with what it says to people."""
    return Text.assemble(status(reply), "  ", (str(reply.body.get("error_description", "")), "dim"))


def status(reply: Reply) -> Text:
    """The status of an answer, and its error."""
    return Text(str(reply), "green" if reply.status < 400 else "yellow")
