"""Runs one hook with one event: within its time, and with failures told apart from refusals."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hookpoint.hooks.errors import HookCrashed, HookFailed, HookTimedOut
from hookpoint.hooks.events import no_secrets
from hookpoint.hooks.registry import Hook
from hookpoint.hooks.results import Deny


async def run_hook(hook: Hook, event: Any, limit: float) -> object:
    """Run a hook, `limit` seconds at most, and return what it answered; raises Deny and HookFailed."""
    if limit <= 0:
        raise HookTimedOut(hook.name, "did not run: the hooks before it used up the time of all hooks")
    # In a task of its own, so that its time is limited even when it swallows its cancellation.
    task = asyncio.ensure_future(_run_guarded(hook, _event_for(hook, event)))
    try:
        done, _ = await asyncio.wait({task}, timeout=limit)
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise HookTimedOut(hook.name, f"took longer than {limit:.3g} s")
    if task.cancelled():
        raise HookCrashed(hook.name, "cancelled itself")
    return task.result()


def _event_for(hook: Hook, event: Any) -> Any:
    """The event as this hook may see it: with its own secrets, and the password only if it asked."""
    changes: dict[str, object] = {}
    if hook.secrets or event.secrets:
        changes["secrets"] = hook.secrets or no_secrets()
    if not hook.options.needs_password and getattr(event, "password", None) is not None:
        changes["password"] = None
    return replace(event, **changes) if changes else event


async def _run_guarded(hook: Hook, event: object) -> object:
    try:
        answer = await hook.runner.run(event)
        if isinstance(answer, Deny):  # returned by mistake; it says no all the same, also where failures are skipped
            raise answer
    except Deny as denial:
        raise _well_formed(hook, denial) from None
    except HookFailed:
        raise
    except ExceptionGroup as group:
        denials = group.subgroup(Deny)
        if denials is None:
            raise HookCrashed(hook.name, f"raised {type(group).__name__}") from group
        raise _well_formed(hook, _first(denials)) from None
    except (Exception, SystemExit) as error:
        raise HookCrashed(hook.name, f"raised {type(error).__name__}") from error
    return answer


_abandoned: set[asyncio.Future[object]] = set()


def _abandon(task: asyncio.Future[object]) -> None:
    """Cancel a task that nobody waits for any more; it is kept from the garbage collector until it ends."""
    _abandoned.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Future[object]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # marks it as seen


def _first(group: ExceptionGroup[Deny]) -> Deny:
    """The first Deny of a task group: `asyncio.TaskGroup` wraps what its tasks raise."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


def _well_formed(hook: Hook, denial: Deny) -> Deny:
    """A Deny whose members are what they should be, also where a subclass has not set them."""
    try:
        return Deny(denial.code, denial.reason, denial.user_message)
    except (AttributeError, TypeError, ValueError) as error:
        raise HookCrashed(hook.name, f"raised a {type(denial).__name__} without a usable code or reason") from error
