"""Checks that the hooks can be loaded and will be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookpoint.hooks import HookDefinitionError, Registry, load_hooks
from hookpoint.proxy.cli.checks.finding import error, fine, warning

if TYPE_CHECKING:
    from hookpoint.hooks import Hook
    from hookpoint.proxy.cli.checks.context import CheckContext
    from hookpoint.proxy.cli.checks.finding import Finding
    from hookpoint.proxy.config import HookSettings

# The points at which this version calls hooks; hooks for the others load and are never run.
SERVED_POINTS = frozenset({"credentials-exchange"})


async def hooks_load(context: CheckContext) -> list[Finding]:
    """Load every hook, as a server would."""
    findings: list[Finding] = []
    hooks: list[Hook] = []
    for index, entry in enumerate(context.settings.hooks):
        try:
            loaded = load_hooks(entry.run, base=context.settings.directory)
        except HookDefinitionError as failure:
            findings.append(_failed(failure, f"hooks[{index}].run", entry.run))
            continue
        hooks.extend(loaded)
        findings.extend(_entry_findings(index, entry, loaded))
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


def _entry_findings(index: int, entry: HookSettings, loaded: list[Hook]) -> list[Finding]:
    findings: list[Finding] = []
    points = {hook.point.name for hook in loaded}
    if entry.trigger is not None and entry.trigger not in points:
        reason = f"{entry.run} holds no hook for it, only for {', '.join(sorted(points))}"
        remedy = "Change the trigger, or leave it out."
        findings.append(error("hooks", reason, key=f"hooks[{index}].trigger", value=entry.trigger, remedy=remedy))
    for hook in loaded:
        if hook.point.name in SERVED_POINTS:
            findings.append(fine("hooks", f"{hook.name} runs at {hook.point.name}"))
        else:
            reason = f"{hook.name} is for {hook.point.name}, where this version does not call hooks yet"
            remedy = "Keep it for later, or remove it."
            findings.append(warning("hooks", reason, key=f"hooks[{index}].run", value=entry.run, remedy=remedy))
    return findings
