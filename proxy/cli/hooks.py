"""`hookpoint hooks`: what is registered, and what it does with an event."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
from rich.console import Console
from rich.text import Text

from hookpoint import hooks as hook_engine
from hookpoint.hooks import POINTS, Hook, HookDefinitionError, HookFailed, Registry, When
from hookpoint.hooks.testing import Trial, sample_event, try_hooks
from hookpoint.hooks.wire import EventFormatError, event_from_json, event_to_json
from hookpoint.proxy.cli.configuration import ConfigOption, settings_of
from hookpoint.proxy.cli.deliveries import deliveries
from hookpoint.proxy.cli.serve_hooks import serve_hooks
from hookpoint.proxy.config import Settings
from hookpoint.proxy.configured_hooks import configured_hooks

hooks = typer.Typer(name="hooks", help="See and try hooks.", no_args_is_help=True)
hooks.add_typer(deliveries)

hooks.command("serve")(serve_hooks)


def _known_point(name: str) -> str:
    if name not in POINTS:
        raise typer.BadParameter(f"{name!r} is no extensibility point; there are {', '.join(POINTS)}")
    return name


@hooks.command("list")
def list_hooks(context: typer.Context, config: ConfigOption = None) -> None:
    """Show the hooks in the order in which they run."""
    settings = settings_of(context, config)
    console = Console()
    registry = _registry(settings)
    if not len(registry):
        typer.echo('No hooks are configured. Add [[hooks]] with run = "hooks.py" to the configuration.')
    for name, point in POINTS.items():
        here = registry.hooks_of(point)
        if here:
            console.print(Text(name, style="bold underline"))
        for hook in sorted(here, key=lambda each: not each.options.early):
            console.print(_headline(hook, settings), soft_wrap=True)
            for line in _facts(hook, settings):
                console.print(Text(f"    {line}"), soft_wrap=True)


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
    here = _registry(settings).hooks_of(point)
    chosen = [each for each in here if hook in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in here) or "none"
        _fail(f"no such hook at {trigger}" if hook else f"no hook at {trigger}", f"Hooks there: {names}.")
    subject = _read_event(trigger, event)
    grantable = {glob: tuple(scopes) for glob, scopes in settings.tokens.grantable_scopes.items()}
    # What the log would say of failures is shown below.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        trial = asyncio.run(
            try_hooks(
                chosen,
                subject,
                grantable_scopes=grantable,
                timeout=settings.limits.hook_timeout,
                total_timeout=settings.limits.hooks_timeout,
            )
        )
    except HookDefinitionError as error:
        _fail(f"{error.source}: {error.reason}", error.remedy)
    _show(trial, subject, settings)
    if trial.failure is not None:
        raise typer.Exit(1)


def _registry(settings: Settings) -> Registry:
    try:
        return Registry(configured_hooks(settings.hooks, settings))
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
    except (ValueError, RecursionError) as error:
        _fail(f"{path}: {error}", "Members that are left out come from the sample event.")


def _show(trial: Trial, before: Any, settings: Settings) -> None:
    console = Console()
    for run in trial.runs:
        head = Text.assemble((run.hook.name, "bold"), f"  {run.outcome}  {run.seconds * 1000:.1f} ms  ")
        console.print(head.append(_place(run.hook, settings), style="dim"), soft_wrap=True)
        if run.error is not None:
            console.print(Text(f"  {run.error.reason}", style="red"), soft_wrap=True)
            for frame in _trace(run.error):
                console.print(Text(f"  {frame}", style="dim"), soft_wrap=True)
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


def _headline(hook: Hook, settings: Settings) -> Text:
    return Text.assemble("  ", (hook.name, "bold"), "  ", (_place(hook, settings), "dim"))


def _facts(hook: Hook, settings: Settings) -> list[str]:
    options = hook.options
    facts = [f"order {options.order}"]
    if hook.point.blocking:
        facts += [f"{options.timeout or settings.limits.hook_timeout:g} s", f"on error {options.on_error}"]
    else:
        attempts = options.attempts or settings.deliveries.attempts
        facts += [f"{options.timeout or settings.deliveries.timeout:g} s", f"after the answer, {attempts} attempts"]
    facts += ["early"] if options.early else []
    facts += ["sees passwords"] if options.needs_password else []
    conditions = _conditions(options.when)
    return [", ".join(facts), *([f"when {conditions}"] if conditions else [])]


def _place(hook: Hook, settings: Settings) -> str:
    """Where a hook is written, as seen from the configuration."""
    return hook.source.removeprefix(f"{settings.directory}{os.sep}")


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


def _conditions(when: When) -> str:
    kinds = {kind: getattr(when, kind) for kind in ("client_id", "audience", "scope", "connection")}
    return "; ".join(f"{kind} {' or '.join(globs)}" for kind, globs in kinds.items() if globs)


def _fail(reason: str, remedy: str) -> NoReturn:
    console = Console(stderr=True)
    console.print(Text(f"✗ {reason}", style="bold red"), soft_wrap=True)
    console.print(Text(f"  → {remedy}", style="green"), soft_wrap=True)
    raise typer.Exit(1)
