"""`hookpoint hooks`: what is registered, and what it does with an event."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.hooks import POINTS, Hook, When
from hookpoint.proxy.cli.configuration import ConfigOption, settings_of
from hookpoint.proxy.cli.deliveries import deliveries
from hookpoint.proxy.cli.hooks_test import try_sample
from hookpoint.proxy.cli.loaded_hooks import place_of, registry_of
from hookpoint.proxy.cli.serve_hooks import serve_hooks
from hookpoint.proxy.config import Settings

hooks = typer.Typer(name="hooks", help="See and try hooks.", no_args_is_help=True)
hooks.add_typer(deliveries)

hooks.command("serve")(serve_hooks)


@hooks.command("list")
def list_hooks(context: typer.Context, config: ConfigOption = None) -> None:
    """Show the hooks in the order in which they run."""
    settings = settings_of(context, config)
    console = Console()
    registry = registry_of(settings)
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


hooks.command("test")(try_sample)


def _headline(hook: Hook, settings: Settings) -> Text:
    return Text.assemble("  ", (hook.name, "bold"), "  ", (place_of(hook, settings), "dim"))


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


def _conditions(when: When) -> str:
    kinds = {kind: getattr(when, kind) for kind in ("client_id", "audience", "scope", "connection")}
    return "; ".join(f"{kind} {' or '.join(globs)}" for kind, globs in kinds.items() if globs)
