"""`hookpoint hooks`: what is registered, and what it does with an event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookpoint.hooks import POINTS, Hook, HookDefinitionError, When
from hookpoint.hooks.testing import Trial, sample_event, try_hooks
from hookpoint.hooks.wire import EventFormatError, event_from_json, event_to_json
from hookpoint.proxy.cli.configuration import ConfigOption, settings_of
from hookpoint.proxy.config import Settings
from hookpoint.proxy.runtime import configured_hooks

hooks = typer.Typer(name="hooks", help="See and try hooks.", no_args_is_help=True)


def _known_point(name: str) -> str:
    if name not in POINTS:
        raise typer.BadParameter(f"{name!r} is no extensibility point; there are {', '.join(POINTS)}")
    return name


@hooks.command("list")
def list_hooks(context: typer.Context, config: ConfigOption = None) -> None:
    """Show the hooks in the order in which they run."""
    settings = settings_of(context, config)
    table = Table(title_justify="left")
    for column in ("point", "order", "hook", "on error", "time limit", "when", "from"):
        table.add_column(column, overflow="fold")
    found = _hooks(settings)
    for name, point in POINTS.items():
        here = sorted((hook for hook in found if hook.point is point), key=lambda hook: hook.options.order)
        for hook in here:
            limit = hook.options.timeout or settings.limits.hook_timeout
            cells = (name, str(hook.options.order), hook.name, hook.options.on_error, f"{limit:g} s")
            table.add_row(*map(Text, (*cells, _conditions(hook.options.when), hook.source)))
    if found:
        Console().print(table)
    else:
        typer.echo('No hooks are configured. Add [[hooks]] with run = "hooks.py" to the configuration.')


@hooks.command("test")
def try_sample(
    context: typer.Context,
    trigger: Annotated[str, typer.Argument(callback=_known_point, help="The extensibility point.")],
    event: Annotated[
        Path | None, typer.Option("--event", dir_okay=False, help="JSON members in place of the sample event's.")
    ] = None,
    hook: Annotated[str | None, typer.Option("--hook", help="Run only the hook of this name.")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the hooks of a point with a sample event, and show what comes of it; exit 1 when a hook fails."""
    settings = settings_of(context, config)
    point = POINTS[trigger]
    chosen = [each for each in _hooks(settings) if each.point is point and hook in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in _hooks(settings) if each.point is point) or "none"
        _fail(f"no such hook at {trigger}", f"Hooks there: {names}.")
    subject = _read_event(trigger, event)
    grantable = {glob: tuple(scopes) for glob, scopes in settings.tokens.grantable_scopes.items()}
    trial = asyncio.run(
        try_hooks(
            chosen,
            subject,
            grantable_scopes=grantable,
            timeout=settings.limits.hook_timeout,
            total_timeout=settings.limits.hooks_timeout,
        )
    )
    _show(trial, subject)
    if trial.failure is not None:
        raise typer.Exit(1)


def _hooks(settings: Settings) -> list[Hook]:
    try:
        return configured_hooks(settings.hooks, settings)
    except HookDefinitionError as error:
        _fail(f"{error.source}: {error.reason}", error.remedy)


def _read_event(trigger: str, path: Path | None) -> Any:
    sample = sample_event(POINTS[trigger])
    if path is None:
        return sample
    try:
        members = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(members, dict):
            raise EventFormatError("event must be an object.")
        return event_from_json(POINTS[trigger].event, {**event_to_json(sample), **members})
    except OSError as error:
        _fail(f"{path}: {error.strerror}", "Name a JSON file.")
    except ValueError as error:
        _fail(f"{path}: {error}", "Members that are left out come from the sample event.")


def _show(trial: Trial, before: Any) -> None:
    console = Console()
    for run in trial.runs:
        head = Text.assemble((run.hook.name, "bold"), f"  {run.outcome}  {run.seconds * 1000:.1f} ms  ")
        console.print(head.append(run.hook.source, style="dim"), soft_wrap=True)
        if run.error is not None:
            console.print(Text(f"  {run.error.reason}", style="red"), soft_wrap=True)
    if not trial.runs:
        console.print(Text("No hook runs for this event: none of their conditions is met.", style="yellow"))
    if trial.denial is not None:
        denial = trial.denial
        console.print(Text(f"denied: {denial.code}: {denial.reason}", style="bold red"), soft_wrap=True)
        return
    if trial.failure is not None:
        console.print(Text(f"failed: {trial.failure}", style="bold red"), soft_wrap=True)
        return
    for line in _differences(event_to_json(before), event_to_json(trial.event)):
        console.print(line, soft_wrap=True)
    if trial.changes is None:
        console.print("no changes")


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[Text]:
    """What changed, a line each: what was there marked with a minus, what is there now with a plus."""
    lines: list[Text] = []
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += _differences(old, new, f"{prefix}{name}.")
            continue
        if name in before:
            lines.append(Text(f"- {prefix}{name}: {json.dumps(old, ensure_ascii=False)}", style="red"))
        if name in after:
            lines.append(Text(f"+ {prefix}{name}: {json.dumps(new, ensure_ascii=False)}", style="green"))
    return lines


def _conditions(when: When) -> str:
    kinds = {kind: getattr(when, kind) for kind in ("client_id", "audience", "scope", "connection")}
    return "; ".join(f"{kind} {' or '.join(globs)}" for kind, globs in kinds.items() if globs) or "always"


def _fail(reason: str, remedy: str) -> NoReturn:
    console = Console(stderr=True)
    console.print(Text(f"✗ {reason}", style="bold red"), soft_wrap=True)
    console.print(Text(f"  → {remedy}", style="green"), soft_wrap=True)
    raise typer.Exit(1)
