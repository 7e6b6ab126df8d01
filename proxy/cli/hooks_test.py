"""`hookpoint hooks test`: the hooks of a point with an event, without a server."""

from __future__ import annotations

import asyncio
import json
import math
import os
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookpoint import hooks as hook_engine
from hookpoint.hooks import POINTS, Hook, HookDefinitionError, HookFailed, HookRun
from hookpoint.hooks.testing import Trial, sample_event, try_hooks
from hookpoint.hooks.wire import EventFormatError, event_from_json, event_to_json
from hookpoint.proxy.cli.configuration import ConfigOption, configuration_file, settings_of
from hookpoint.proxy.cli.loaded_hooks import fail, place_of, registry_of
from hookpoint.proxy.cli.trial_logs import LogLine, TrialLogs
from hookpoint.proxy.cli.trial_result import Difference, as_json, differences, shown
from hookpoint.proxy.cli.trial_secrets import SecretsError, read_secrets, variables_for
from hookpoint.proxy.cli.trial_watching import watch
from hookpoint.proxy.config import Settings

_OUTCOME_STYLES: Mapping[str, str] = {"changed": "green", "denied": "red", "failed": "bold red", "skipped": "yellow"}


def _known_point(name: str) -> str:
    if name not in POINTS:
        raise typer.BadParameter(f"{name!r} is no extensibility point; there are {', '.join(POINTS)}")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the command line asks for, but for --watch."""

    trigger: str
    hook: str | None
    event: Path | None
    secrets: list[str]
    as_json: bool
    fail_on_deny: bool


class _Limits(TypedDict):
    timeout: float
    total_timeout: float


def try_sample(
    context: typer.Context,
    trigger: Annotated[str, typer.Argument(callback=_known_point, help="The extensibility point.")],
    event: Annotated[
        Path | None, typer.Option("--event", dir_okay=False, help="JSON members in place of the sample event's.")
    ] = None,
    hook: Annotated[str | None, typer.Option("--hook", help="Run only the hook of this name.")] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secrets", metavar="FILE|NAME=VALUE", help="Secrets for the hooks; may be given again."),
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Print the sample event as JSON, and stop.")] = False,
    watching: Annotated[bool, typer.Option("--watch", help="Run again whenever a file changes, until Ctrl+C.")] = False,
    in_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on_deny: Annotated[bool, typer.Option("--fail-on-deny", help="Exit 1 also when a hook refuses.")] = False,
    config: ConfigOption = None,
) -> None:
    """Run the hooks of a point with a sample event, and show what comes of it; exit 1 when a hook fails."""
    if sample:
        typer.echo(json.dumps(event_to_json(sample_event(POINTS[trigger])), indent=2, ensure_ascii=False))
        return
    asked = _Request(
        trigger=trigger,
        hook=hook,
        event=event,
        secrets=secrets or [],
        as_json=in_json,
        fail_on_deny=fail_on_deny,
    )
    file = configuration_file(context, config)
    if watching:
        files = [path for path in (event, *map(Path, asked.secrets)) if path is not None]
        watch(_arguments(asked, file), Path() if file is None else file.parent, files)
        return
    try:
        given = read_secrets(asked.secrets)
    except SecretsError as error:
        fail(str(error), "Write --secrets NAME=VALUE, or name a file of such lines.")
    settings = settings_of(context, config, environ={**os.environ, **variables_for(given, file)})
    _try(asked, settings, given)


def _try(asked: _Request, settings: Settings, secrets: Mapping[str, str]) -> None:
    chosen = [replace(each, secrets={**each.secrets, **secrets}) for each in _chosen(asked, settings)]
    subject = _read_event(asked.trigger, asked.event)
    grantable = {glob: tuple(scopes) for glob, scopes in settings.tokens.grantable_scopes.items()}
    logs = TrialLogs()
    try:
        with logs.gathering():
            trial = asyncio.run(
                try_hooks(
                    chosen,
                    subject,
                    grantable_scopes=grantable,
                    **_limits(asked.trigger, settings),
                    observer=logs.observe,
                )
            )
    except HookDefinitionError as error:
        fail(f"{error.source}: {error.reason}", error.remedy)
    if asked.as_json:
        typer.echo(json.dumps(as_json(asked.trigger, trial, subject, logs), indent=2, ensure_ascii=False))
    else:
        _show(trial, subject, logs, settings)
    if trial.failure is not None or (asked.fail_on_deny and trial.denial is not None):
        raise typer.Exit(1)


def _limits(trigger: str, settings: Settings) -> _Limits:
    """How long hooks may take: hooks that run after the answer have limits of their own, and no common one."""
    if POINTS[trigger].blocking:
        return {"timeout": settings.limits.hook_timeout, "total_timeout": settings.limits.hooks_timeout}
    return {"timeout": settings.deliveries.timeout, "total_timeout": math.inf}


def _chosen(asked: _Request, settings: Settings) -> list[Hook]:
    here = registry_of(settings).hooks_of(POINTS[asked.trigger])
    chosen = [each for each in here if asked.hook in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in here) or "none"
        reason = f"no such hook at {asked.trigger}" if asked.hook else f"no hook at {asked.trigger}"
        fail(reason, f"Hooks there: {names}.")
    return chosen


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
        fail(f"{path}: {error.strerror}", "Name a JSON file.")
    except (ValueError, RecursionError) as error:
        fail(f"{path}: {error}", "Members that are left out come from the sample event.")


def _arguments(asked: _Request, file: Path | None) -> list[str]:
    """The command again, without --watch."""
    options = {"--event": asked.event, "--hook": asked.hook, "--config": file}
    return [
        *("hooks", "test", asked.trigger),
        *(text for name, value in options.items() if value is not None for text in (name, str(value))),
        *(text for value in asked.secrets for text in ("--secrets", value)),
        *(["--json"] if asked.as_json else []),
        *(["--fail-on-deny"] if asked.fail_on_deny else []),
    ]


def _show(trial: Trial, before: Any, logs: TrialLogs, settings: Settings) -> None:
    console = Console()
    for run, lines in logs.runs:
        _show_run(console, run, lines, settings)
    if not trial.runs:
        console.print(Text("No hook runs for this event: none of their conditions is met.", style="yellow"))
    console.print()
    if trial.denial is not None:
        denial = trial.denial
        console.print(Text(f"denied: {denial.code}: {denial.reason}", style="bold red"), soft_wrap=True)
        if denial.user_message is not None:
            console.print(Text(f"the client is told: {denial.user_message}"), soft_wrap=True)
    elif trial.failure is not None:
        console.print(Text(f"failed: {trial.failure}", style="bold red"), soft_wrap=True)
    elif found := differences(trial, before):
        console.print(_table(found))
    else:
        console.print("no changes")


def _show_run(console: Console, run: HookRun, lines: tuple[LogLine, ...], settings: Settings) -> None:
    outcome = (run.outcome, _OUTCOME_STYLES.get(run.outcome, ""))
    head = Text.assemble((run.hook.name, "bold"), "  ", outcome, f"  {run.seconds * 1000:.1f} ms  ")
    console.print(head.append(place_of(run.hook, settings), style="dim"), soft_wrap=True)
    for line in lines:
        console.print(Text.assemble("  ", (f"{line.level}: ", "cyan"), line.text), soft_wrap=True)
    if run.error is not None:
        console.print(Text(f"  {run.error.reason}", style="red"), soft_wrap=True)
        for frame in _trace(run.error):
            console.print(Text(f"  {frame}", style="dim"), soft_wrap=True)


def _table(found: Sequence[Difference]) -> Table:
    styles = {"+": "green", "-": "red", "~": "yellow"}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("", no_wrap=True)
    longest = max(len(each.name) for each in found)
    table.add_column("", overflow="fold", min_width=min(longest, 40))
    for heading in ("before", "after"):
        table.add_column(heading, overflow="fold")
    for each in found:
        cells = [Text(text) for text in (each.sign, each.name, shown(each.before), shown(each.after))]
        table.add_row(*cells, style=styles[each.sign])
    return table


def _trace(error: HookFailed) -> list[str]:
    """The traceback of a crash, without the frames of the engine above the hook."""
    cause = error.__cause__
    if cause is None:
        return []
    engine = os.path.realpath(Path(hook_engine.__file__).parent)
    trace = cause.__traceback__
    while trace is not None and os.path.realpath(trace.tb_frame.f_code.co_filename).startswith(engine):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(cause), cause, trace)).splitlines()
