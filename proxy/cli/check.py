"""`hookpoint check`: is the configuration right, and does what it describes fit together?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookpoint.proxy.cli.checks import CheckContext, Finding, Level, route_table, run_checks
from hookpoint.proxy.cli.configuration import ConfigOption, settings_of
from hookpoint.proxy.dialects import DialectError, load_dialect
from hookpoint.proxy.observability import configure_logging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookpoint.proxy.cli.checks import TableRow
    from hookpoint.proxy.config import Settings

_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "bold yellow"), Level.ERROR: ("✗", "bold red")}


def check(
    context: typer.Context,
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Send nothing over the network.")] = False,
) -> None:
    """Check the configuration, the hooks and the OAuth server; exit 1 when something is wrong."""
    settings = settings_of(context, config)
    configure_logging("error", "console")
    console = Console()
    console.print(Text.assemble(("✓ ", "green"), "configuration: every key is as it should be"))
    findings, table = asyncio.run(_look(settings, offline=offline))
    print_findings(console, findings)
    _print_routes(console, table)
    errors = sum(finding.level is Level.ERROR for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    verdict = f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}"
    console.print(Text(verdict, style="bold red" if errors else "bold yellow" if warnings else "bold green"))
    if errors:
        raise typer.Exit(1)


async def _look(settings: Settings, *, offline: bool) -> tuple[list[Finding], list[TableRow]]:
    try:
        dialect = load_dialect(settings.upstream.dialect)
    except DialectError as failure:
        remedy = "Correct the dialect file."
        broken = Finding(
            level=Level.ERROR, subject="dialect", reason=str(failure), key="upstream.dialect", remedy=remedy
        )
        return [broken], []
    context = CheckContext(settings, dialect, offline=offline)
    return await run_checks(context), await route_table(context)


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print one line for what is fine, and key, value, reason and remedy for what is not."""
    for finding in findings:
        mark, style = _MARKS[finding.level]
        head = Text.assemble((f"{mark} ", style), f"{finding.subject}: {finding.reason}")
        console.print(head, soft_wrap=True)
        if finding.key:
            shown = f"  {finding.key}" + (f" = {finding.value}" if finding.value else "")
            console.print(Text(shown, style="dim"), soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"  → {finding.remedy}", style="green"), soft_wrap=True)


def _print_routes(console: Console, rows: Sequence[TableRow]) -> None:
    table = Table(title="Routes; everything else is forwarded as it is", title_justify="left")
    table.add_column("path", overflow="fold")
    table.add_column("what happens")
    table.add_column("known from")
    for row in rows:
        table.add_row(Text(row.path), Text(row.what), Text(row.source))
    if rows:
        console.print(table)
