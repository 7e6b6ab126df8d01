"""The hooks that a configuration names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hookpoint.hooks import Hook, HookDefinitionError, When, load_hooks
from hookpoint.hooks.javascript import Executables, JavaScript, Script
from hookpoint.proxy.config import HookSettings, Settings
from hookpoint.proxy.config.hooks import HookKind
from hookpoint.proxy.http_hooks import http_hook


def configured_hooks(entries: Iterable[HookSettings], settings: Settings) -> list[Hook]:
    """The hooks that `[[hooks]]` names, with what it says in place of what their decorators say."""
    common = settings.javascript
    javascript = JavaScript(
        executables=Executables(node=common.node, deno=common.deno), namespaced_only=common.claims == "namespaced"
    )
    return [hook for entry in entries for hook in _hooks_of_entry(entry, settings, javascript)]


def _hooks_of_entry(entry: HookSettings, settings: Settings, javascript: JavaScript) -> list[Hook]:
    found = _load(entry, settings, javascript)
    hooks = [hook for hook in found if entry.trigger in (None, hook.point.name)]
    if not hooks:
        points = ", ".join(sorted({hook.point.name for hook in found}))
        raise HookDefinitionError(entry.run, f"holds no hook for {entry.trigger}.", f"It has hooks for {points}.")
    if entry.name is not None and len(hooks) > 1:
        raise HookDefinitionError(
            entry.run,
            f"name={entry.name!r} is for one hook, and there are {len(hooks)}.",
            "Write run = 'module:function'.",
        )
    if entry.attempts is not None and all(hook.point.blocking for hook in hooks):
        raise HookDefinitionError(
            entry.run, "attempts is for hooks that run after the answer.", "Remove attempts; these are tried once."
        )
    return [
        hook.overridden(
            name=entry.name,
            order=entry.order,
            timeout=entry.timeout,
            on_error=entry.on_error,
            when=None if entry.when is None else When(**entry.when.model_dump()),
            attempts=None if hook.point.blocking else entry.attempts,
            secrets={name: secret.get_secret_value() for name, secret in entry.secrets.items()},
        )
        for hook in hooks
    ]


def _load(entry: HookSettings, settings: Settings, javascript: JavaScript) -> list[Hook]:
    match entry.kind:
        case HookKind.FILE | HookKind.OBJECT:
            return load_hooks(entry.run, base=settings.directory)
        case HookKind.URL:
            return [http_hook(entry, settings)]
        case HookKind.SCRIPT:
            return javascript.load(_script(entry, settings), name=entry.name)


def _script(entry: HookSettings, settings: Settings) -> Script:
    return Script(
        path=Path(entry.run),
        trigger=entry.trigger,
        runtime=entry.runtime,
        environment={name: value.get_secret_value() for name, value in entry.env.items()},
        memory=entry.memory,
        dependencies=entry.dependencies,
        net=entry.allow_net,
        read=tuple(str(settings.directory / each) for each in entry.allow_read),
    )
