"""`hookpoint demo`: an OAuth server, hookpoint in front of it and an API behind its tokens, on this machine alone."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.text import Text
from starlette.types import ASGIApp

from hookpoint.proxy.app import create_app
from hookpoint.proxy.config import Settings
from hookpoint.proxy.demo import page
from hookpoint.proxy.demo.stage import open_stage
from hookpoint.proxy.demo.story import check, play
from hookpoint.proxy.observability import configure_logging


def demo(
    once: Annotated[bool, typer.Option("--once", help="Tell the story, check each step, and stop.")] = False,
) -> None:
    """Show what hooks do to tokens, sign-ups and codes, with real servers on this machine; exit 1 if something is not as told."""
    log = HeldLog(sys.stderr)
    configure_logging("info", "console", stream=log)
    try:
        told = asyncio.run(tell(_console(), log, create_app, stay=not once))
    except KeyboardInterrupt:
        return
    finally:
        log.release(keep=True)  # of no effect once the story has been told
    if not told:
        raise typer.Exit(1)


async def tell(
    console: Console,
    log: HeldLog,
    create_front: Callable[[Settings], ASGIApp],
    *,
    stay: bool = False,
    patience: float = 10.0,
) -> bool:
    """Plays and prints the story, and says whether it went as told; with `stay`, the servers stay up until cancelled.

    What happens after an answer is waited for as many seconds as `patience`.
    """
    async with open_stage(create_front) as stage:
        console.print(page.opening(stage))
        story = await play(stage, patience=patience)
        for scene in page.scenes(story):
            console.print(scene)
        checks = list(check(story))
        console.print(page.verdict(checks))
        holds = all(each.holds for each in checks)
        log.release(keep=not holds)
        if stay:
            console.print(page.closing(stage), soft_wrap=True)
            console.print(Text("\n  Everything stays up until Ctrl-C; requests are logged below.\n", "dim"))
            await asyncio.Event().wait()
    return holds


def _console() -> Console:
    console = Console()
    return Console(width=min(page.WIDTH, console.width) if console.is_terminal else page.WIDTH)


class HeldLog(io.StringIO):
    """Keeps lines from mixing with the story: they wait until it has been told, and are shown if it went wrong."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._released = False

    def write(self, text: str, /) -> int:
        return self._stream.write(text) if self._released else super().write(text)

    def release(self, *, keep: bool) -> None:
        """Lets everything through from now on, and what was held before if it is to be kept."""
        if not self._released and keep:
            self._stream.write(self.getvalue())
        self._released = True
