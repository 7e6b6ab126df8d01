"""`hookpoint import-auth0`: a configuration from an export of an Auth0 tenant."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.proxy.auth0_import import ExportError, FilesExistError, Plan, plan_import, read_export, write_files
from hookpoint.proxy.auth0_import.configuration import CONFIGURATION, REPORT, SECRETS, files_of
from hookpoint.proxy.auth0_import.findings import Finding
from hookpoint.proxy.auth0_import.report import placeholders, report
from hookpoint.proxy.cli.init import DialectOption

DEFAULT_UPSTREAM = "http://127.0.0.1:3000"


def import_auth0(
    export: Annotated[
        Path, typer.Argument(metavar="DIR", help="What the Deploy CLI wrote: its folder, or its tenant.yaml.")
    ],
    output: Annotated[Path, typer.Option(file_okay=False, help="The folder to write to.")] = Path(),
    upstream: Annotated[str, typer.Option(metavar="URL", help="Your OAuth server.")] = DEFAULT_UPSTREAM,
    dialect: DialectOption = "auth0",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write a configuration that runs the Hooks and Actions of an Auth0 tenant, and a report on what is left to do."""
    try:
        plan = plan_import(read_export(export))
        files = files_of(plan, upstream=upstream, dialect=dialect)
        write_files(output, {**files, REPORT: report(plan, files)}, force=force)
    except ExportError as error:
        _fail([f"{error.place}: {error.reason}"], error.remedy)
    except FilesExistError as error:
        present = [f"{path} is there already" for path in error.paths]
        _fail(present, "Nothing was written. Use --force to overwrite, or --output for another folder.")
    except OSError as error:
        _fail([f"{error.filename}: {error.strerror}"], "Nothing was written.")
    console = Console()
    _show_hooks(console, plan)
    _show_findings(console, "To decide", "yellow", [each for each in plan.findings if each.verdict == "decide"])
    _show_findings(console, "Does not work", "red", [each for each in plan.findings if each.verdict == "cannot"])
    _show_next(console, plan, files, output, url_is_made_up=upstream == DEFAULT_UPSTREAM)


def _show_hooks(console: Console, plan: Plan) -> None:
    width = max((len(hook.name) for hook in plan.hooks), default=0)
    for point, hooks in itertools.groupby(plan.hooks, lambda hook: hook.trigger):
        console.print(Text(point, style="bold underline"))
        for hook in hooks:
            mark = ("- ", "dim") if hook.inactive else ("✓ ", "green")
            about = (hook.inactive or hook.path, "dim")
            name = f"{hook.name:<{width}}  {hook.kind:<6}  "
            console.print(Text.assemble("  ", mark, name, about), soft_wrap=True)


def _show_findings(console: Console, title: str, style: str, findings: Iterable[Finding]) -> None:
    by_subject: dict[str, list[Finding]] = {}
    for finding in findings:
        by_subject.setdefault(finding.subject, []).append(finding)
    if not by_subject:
        return
    console.print()
    console.print(Text(title, style=f"bold {style}"))
    for subject, about in by_subject.items():
        console.print(Text(f"  {subject}", style="bold"), soft_wrap=True)
        for finding in about:
            line = f"line {finding.line}: " if finding.line else ""
            _print_item(console, "    • ", f"{line}{finding.text}.")


def _show_next(console: Console, plan: Plan, files: Mapping[str, str], output: Path, *, url_is_made_up: bool) -> None:
    steps = [f"Read {output / REPORT}: all of this, and more."]
    if url_is_made_up:
        steps.append(f"Write the address of your OAuth server into {output / CONFIGURATION} (upstream.url).")
    if found := placeholders(files):
        steps.append(f"Replace the Deploy CLI's placeholders: {', '.join(found)}.")
    if any(hook.secrets for hook in plan.hooks):
        steps.append(f"Copy {output / SECRETS} to .env, fill it in, and load it: set -a; . ./.env; set +a")
    steps += [f"npm install --prefix {output / folder}" for folder, needed in plan.packages.items() if needed]
    steps += ["hookpoint check --offline", "hookpoint hooks test POINT, for each point"]
    console.print()
    console.print(Text(f"wrote {len(files) + 1} files to {output.resolve()}", style="green"), soft_wrap=True)
    console.print(Text("Next:"))
    for number, step in enumerate(steps, 1):
        _print_item(console, f"  {number}. ", step)


def _print_item(console: Console, bullet: str, text: str) -> None:
    wrapped = textwrap.fill(
        text,
        console.width,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.print(Text(wrapped), soft_wrap=True)


def _fail(reasons: Iterable[str], remedy: str) -> NoReturn:
    console = Console(stderr=True)
    for reason in reasons:
        console.print(Text(f"✗ {reason}", style="bold red"), soft_wrap=True)
    console.print(Text(f"  → {remedy}", style="green"), soft_wrap=True)
    raise typer.Exit(1)
