"""Which configuration a command works with, and how its problems are shown."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.proxy.config import ConfigurationError, Problem, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hookpoint.proxy.config import Settings

DEFAULT_FILE = "hookpoint.toml"

ConfigOption = Annotated[
    Path | None, typer.Option("-c", "--config", metavar="FILE", help="The configuration, as before the command.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The file that was named on the command line or by HOOKPOINT_CONFIG, if any; kept as the context's `obj`."""

    path: Path | None = None


def configuration_file(
    context: typer.Context, config: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """Return the file to read: the named one, else hookpoint.toml; None when variables alone configure.

    A named file that is missing is returned all the same, so that reading it says so.
    """
    selection = context.obj if isinstance(context.obj, Selection) else Selection()
    named = config or selection.path
    if named is not None:
        return named
    default = Path(DEFAULT_FILE)
    configured = any(name.startswith("HOOKPOINT_") for name in environ)
    return None if configured and not default.exists() else default


def settings_of(
    context: typer.Context,
    config: Path | None = None,
    *,
    proxy: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the configuration of a command; print its problems and leave with exit code 1 when it cannot be used.

    `config` is the command's own --config; `proxy` demands what only a reverse proxy needs.
    """
    try:
        return load(configuration_file(context, config), environ, proxy=proxy)
    except ConfigurationError as error:
        print_problems(Console(stderr=True), error.problems)
        raise typer.Exit(1) from None


def print_problems(console: Console, problems: Sequence[Problem]) -> None:
    """Print each problem in a block of its own: key, value and place; reason; remedy."""
    for problem in problems:
        head = Text.assemble(("✗ ", "bold red"), (problem.key, "bold"))
        if problem.value:
            head.append(f" = {problem.value}")
        if problem.where:
            head.append(f"  {problem.where}", style="dim")
        console.print(head, soft_wrap=True)
        console.print(Text(f"  {problem.reason}"), soft_wrap=True)
        console.print(Text(f"  → {problem.remedy}", style="green"), soft_wrap=True)
    count = len(problems)
    console.print(Text(f"{count} problem{'s' if count > 1 else ''} in the configuration", style="bold red"))
