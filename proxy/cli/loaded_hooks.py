"""The configured hooks, for commands: loaded, or what is wrong with them said."""

from __future__ import annotations

import os
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.hooks import Hook, HookDefinitionError, Registry
from hookpoint.proxy.config import Settings
from hookpoint.proxy.configured_hooks import configured_hooks


def registry_of(settings: Settings) -> Registry:
    """The hooks of a configuration; prints what is wrong with them, and leaves with exit code 1."""
    try:
        return Registry(configured_hooks(settings.hooks, settings))
    except HookDefinitionError as error:
        fail(f"{error.source}: {error.reason}", error.remedy)


def place_of(hook: Hook, settings: Settings) -> str:
    """Where a hook is written, as seen from the configuration."""
    return hook.source.removeprefix(f"{settings.directory}{os.sep}")


def fail(reason: str, remedy: str) -> NoReturn:
    """Say what is wrong and what to do, and leave with exit code 1."""
    console = Console(stderr=True)
    console.print(Text(f"✗ {reason}", style="bold red"), soft_wrap=True)
    console.print(Text(f"  → {remedy}", style="green"), soft_wrap=True)
    raise typer.Exit(1)
