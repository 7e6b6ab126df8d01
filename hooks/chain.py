"""Runs the hooks of a point, one after the other.

This is the only place where order, conditions, time limits, failures and results meet; hooks that nobody waits for are run by
`hookpoint.hooks.deliveries`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import structlog

from hookpoint.hooks.errors import HookDefinitionError, HookFailed, InvalidResult
from hookpoint.hooks.execution import run_hook
from hookpoint.hooks.points import AnyPoint, Point
from hookpoint.hooks.registry import Hook, Registry
from hookpoint.hooks.results import Delivered, Deny
from hookpoint.hooks.rules import AnyRules, default_rules

E = TypeVar("E")
R = TypeVar("R")
RunOutcome = Literal["changed", "unchanged", "denied", "failed", "skipped"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """One run of one hook. `failed` ended the chain, `skipped` is a failure of a hook with `on_error="skip"`."""

    hook: Hook
    seconds: float
    outcome: RunOutcome
    error: HookFailed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[E, R]):
    """What a chain came to: the event with all changes applied, the changes as one (None: none), and the runs in order."""

    event: E
    changes: R | None
    runs: tuple[HookRun, ...]


class Observer(Protocol):
    """Is told of every run of a hook, for metrics."""

    def __call__(self, run: HookRun, /) -> None: ...


def observe_nothing(run: HookRun, /) -> None:
    """The observer of those who do not measure."""


class Chain:
    """Runs hooks. `timeout` is the limit of a hook that sets none, `total_timeout` that of all hooks of one event; in seconds."""

    def __init__(
        self,
        registry: Registry,
        *,
        rules: Mapping[AnyPoint, AnyRules] | None = None,
        timeout: float = 3.0,
        total_timeout: float = 5.0,
        observer: Observer = observe_nothing,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._registry = registry
        self._rules = default_rules() if rules is None else rules
        self._timeout = min(timeout, total_timeout)
        self._total_timeout = total_timeout
        self._observe = observer
        self._clock = clock
        for hook in registry:
            limit = hook.options.timeout
            if hook.point.blocking and limit is not None and limit > total_timeout:
                raise HookDefinitionError(
                    hook.source,
                    f"timeout={limit} is longer than all hooks together may take ({total_timeout} s).",
                    "Shorten it, or raise limits.hooks_timeout.",
                )

    def has_hooks(self, point: AnyPoint) -> bool:
        """Whether any hook is registered at a point."""
        return bool(self._registry.hooks_of(point))

    async def run(self, point: Point[E, R], event: E, *, early: bool = False) -> Outcome[E, R]:
        """Run the hooks that the event calls for: those that run before the server is asked (`early`), or the others.

        Raises Deny when a hook says no, HookFailed when one fails whose failure denies.
        """
        end = self._clock() + self._total_timeout
        rules = self._rules.get(point)
        runs: list[HookRun] = []
        changes: R | None = None
        for hook in self._registry.hooks_of(point):
            if hook.options.early != early or not hook.options.when.matches(event):
                continue
            result = await self._run_hook(hook, event, rules, end, runs)
            if result is not None and rules is not None:
                event = rules.apply(event, result)
                changes = result if changes is None else rules.merge(changes, result)
                if isinstance(result, Delivered):  # a second hook would send the message twice
                    break
        return Outcome(event=event, changes=changes, runs=tuple(runs))

    async def _run_hook(self, hook: Hook, event: Any, rules: AnyRules | None, end: float, runs: list[HookRun]) -> Any:
        started = self._clock()

        def note(outcome: RunOutcome, error: HookFailed | None = None) -> None:
            run = HookRun(hook=hook, seconds=self._clock() - started, outcome=outcome, error=error)
            runs.append(run)
            self._observe(run)

        try:
            limit = min(hook.options.timeout or self._timeout, end - started)
            result = await run_hook(hook, event, limit)
            if result is not None:
                result = _check_result(hook, event, result, rules)
        except Deny as denial:
            note("denied")
            log.info("hook_denied", hook=hook.name, point=hook.point.name, error=denial.code, reason=denial.reason)
            raise
        except HookFailed as failure:
            skip = hook.options.on_error == "skip"
            note("skipped" if skip else "failed", failure)
            log.error(
                "hook_failed",
                hook=hook.name,
                point=hook.point.name,
                source=hook.source,
                code=failure.code,
                reason=failure.reason,
                skipped=skip,
                exc_info=failure.__cause__,
            )
            if skip:
                return None
            raise
        note("unchanged" if result is None else "changed")
        return result


def _check_result(hook: Hook, event: object, result: object, rules: AnyRules | None) -> object:
    """A copy of the answer that the hook can change no more."""
    if hook.options.early:
        raise InvalidResult(hook.name, f"returned {type(result).__name__}; an early hook refuses, or returns None")
    if rules is None or not isinstance(result, hook.point.results):
        expected = " or ".join(kind.__name__ for kind in hook.point.results) or "nothing"
        raise InvalidResult(hook.name, f"returned {type(result).__name__}; {hook.point.name} takes {expected}, or None")
    try:
        checked: object = rules.check(hook.name, event, result)
    except HookFailed:
        raise
    except Exception as error:
        raise InvalidResult(hook.name, f"returned a {type(result).__name__} that cannot be read") from error
    return checked
