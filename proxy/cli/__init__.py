"""The command line: `hookpoint COMMAND`, each command imported only when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from hookpoint import __version__
from hookpoint.proxy.cli.configuration import DEFAULT_FILE, Selection

if TYPE_CHECKING:
    from typer._click import Command, Context

COMMANDS = {
    "demo": "hookpoint.proxy.cli.demo:demo",
    "init": "hookpoint.proxy.cli.init:init",
    "check": "hookpoint.proxy.cli.check:check",
    "serve": "hookpoint.proxy.cli.serve:serve",
    "hooks": "hookpoint.proxy.cli.hooks:hooks",
    "import-auth0": "hookpoint.proxy.cli.import_auth0:import_auth0",
    "keys": "hookpoint.proxy.cli.keys:keys",
    "sms": "hookpoint.proxy.cli.sms:sms",
}


class _LazyGroup(TyperGroup):
    """Knows its commands by name and imports them one by one; what cannot be found is left out."""

    def list_commands(self, ctx: Context) -> list[str]:
        return [name for name, target in COMMANDS.items() if importlib.util.find_spec(target.partition(":")[0])]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        command = typer.main.get_command(found if isinstance(found, typer.Typer) else _single(found))
        command.name = cmd_name
        return command


def _single(function: object) -> typer.Typer:
    application = typer.Typer(add_completion=False)
    application.command()(function)  # type: ignore[type-var]
    return application


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hookpoint {__version__}")
        raise typer.Exit


app = typer.Typer(name="hookpoint", cls=_LazyGroup, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def hookpoint(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "-c",
            "--config",
            envvar="HOOKPOINT_CONFIG",
            metavar="FILE",
            help=f"The configuration; {DEFAULT_FILE} by default.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Auth0-style hooks in front of any OAuth server."""
    context.obj = Selection(path=config)


def main() -> None:
    """Run the command line; the entry point of the package."""
    app()
