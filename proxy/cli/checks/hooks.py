"""Checks that the hooks can be loaded and will be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookpoint.hooks import HookDefinitionError, Registry
from hookpoint.proxy.cli.checks.finding import error, fine, warning
from hookpoint.proxy.configured_hooks import configured_hooks

if TYPE_CHECKING:
    from hookpoint.hooks import Hook
    from hookpoint.proxy.cli.checks.context import CheckContext
    from hookpoint.proxy.cli.checks.finding import Finding

# The points at which hooks are called on routes that the dialect has to describe, and what it calls these.
_ROUTES = {
    "pre-user-registration": "sign_up",
    "post-user-registration": "sign_up",
    "post-change-password": "password_change",
}


async def hooks_load(context: CheckContext) -> list[Finding]:
    """Load every hook, as a server would."""
    findings: list[Finding] = []
    hooks: list[Hook] = []
    for index, entry in enumerate(context.settings.hooks):
        key = f"hooks[{index}].run"
        try:
            loaded = configured_hooks([entry], context.settings)
        except HookDefinitionError as failure:
            findings.append(_failed(failure, key, entry.run))
            continue
        hooks.extend(loaded)
        findings.extend(_loaded(context, hook, key, entry.run) for hook in loaded)
    try:
        Registry(hooks)
    except HookDefinitionError as failure:
        findings.append(_failed(failure, "hooks", ""))
    if not context.settings.hooks:
        remedy = 'Add [[hooks]] with run = "hooks.py".'
        findings.append(warning("hooks", "there are none, so that every token passes as it is", remedy=remedy))
    return findings


def _failed(failure: HookDefinitionError, key: str, value: str) -> Finding:
    reason = f"{failure.source}: {failure.reason.rstrip('.')}"
    return error("hooks", reason, key=key, value=value, remedy=failure.remedy)


def _loaded(context: CheckContext, hook: Hook, key: str, value: str) -> Finding:
    point = hook.point.name
    kind = _ROUTES.get(point)
    if kind is None or getattr(context.dialect, kind):
        return fine("hooks", f"{hook.name} runs at {point}")
    reason = f"{hook.name} is for {point}, and the dialect describes no route for it: it never runs"
    remedy = f"Name the dialect of your server with upstream.dialect, or write one with [{kind}.NAME]."
    return warning("hooks", reason, key=key, value=value, remedy=remedy)
