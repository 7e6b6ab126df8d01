"""Runs the hook of one delivery, and says in the queue what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from hookpoint.hooks.chain import HookRun, Observer, RunOutcome
from hookpoint.hooks.deliveries.errors import PayloadUnreadable
from hookpoint.hooks.deliveries.observer import DeliveryObserver
from hookpoint.hooks.deliveries.payload import Codec
from hookpoint.hooks.deliveries.queue import DeliveryQueue, Leased
from hookpoint.hooks.delivery_policy import DeliveryPolicy
from hookpoint.hooks.errors import HookFailed
from hookpoint.hooks.execution import run_hook
from hookpoint.hooks.registry import Hook, Registry
from hookpoint.hooks.results import Deny

LOST: Final = "the process ended during the last attempt"

log = structlog.get_logger(__name__)


class Delivering:
    """Makes one attempt at one delivery. `observe_run` is told of each run of a hook, `observer` of each attempt."""

    def __init__(
        self,
        queue: DeliveryQueue,
        registry: Registry,
        *,
        policy: DeliveryPolicy,
        codec: Codec,
        observe_run: Observer,
        observer: DeliveryObserver,
        rng: random.Random,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._queue = queue
        self._hooks: Mapping[tuple[str, str], Hook] = {(hook.point.name, hook.name): hook for hook in registry}
        self._limits: dict[str, float] = {}
        for hook in registry:  # two hooks may share a name, one at each point
            if not hook.point.blocking:
                self._limits[hook.name] = max(self._limit(hook, policy), self._limits.get(hook.name, 0.0))
        self._policy = policy
        self._codec = codec
        self._observe_run = observe_run
        self._observer = observer
        self._rng = rng
        self._clock = clock

    def lease_of(self, hook: str) -> float:
        """For how many seconds a delivery to a hook is taken."""
        return self._limits.get(hook, 0.0) + self._policy.lease

    async def attempt(self, leased: Leased) -> bool:
        """Run the hook, unless that cannot be; whatever comes of it is in the queue when this returns.

        Returns whether something that waited for that may be due now.

        A process that was held up since it took the delivery gives it back: the hook might still be running when it is another's,
        and later events of the same subject after it.
        """
        with structlog.contextvars.bound_contextvars(
            event_id=leased.event_id, point=leased.point, hook=leased.hook, attempt=leased.attempt
        ):
            hook = self._hooks.get((leased.point, leased.hook))
            attempts = self._policy.attempts if hook is None else hook.options.attempts or self._policy.attempts
            if not self._queue.holds(leased, 0.0 if hook is None else self._limit(hook, self._policy)):
                await self._queue.give_back([leased])
                log.warning("delivery_too_late")
                return True
            if leased.attempt > attempts:
                return await self._bury(leased, LOST)
            try:
                if hook is None:
                    raise HookFailed(leased.hook, "is not configured")  # perhaps another process knows it already
                await self._run(hook, leased)
            except Deny as denial:
                return await self._bury(leased, f"refused for good: {denial}")
            except (HookFailed, PayloadUnreadable) as failure:
                reason = failure.reason if isinstance(failure, HookFailed) else str(failure)
                if leased.attempt == attempts:
                    return await self._bury(leased, reason, failure.__cause__)
                await self._retry(leased, reason, failure.__cause__)
                return False
            others = await self._queue.finish(leased)
            self._observer.attempt(leased.point, leased.hook, "done")
            log.info("delivery_done")
            return others

    async def _run(self, hook: Hook, leased: Leased) -> None:
        event = self._codec.payload(leased.point, leased.event_id, leased.payload, leased.seal).event
        started = self._clock()

        def note(outcome: RunOutcome, error: HookFailed | None = None) -> None:
            self._observe_run(HookRun(hook=hook, seconds=self._clock() - started, outcome=outcome, error=error))

        try:
            answer = await run_hook(hook, event, self._limit(hook, self._policy))
        except Deny:
            note("denied")
            raise
        except HookFailed as failure:
            note("failed", failure)
            raise
        note("unchanged")
        if answer is not None:
            log.warning("hook_answer_ignored", answer=type(answer).__name__)

    async def _retry(self, leased: Leased, reason: str, cause: BaseException | None) -> None:
        pause = self._policy.pause(leased.attempt, self._rng)
        await self._queue.retry(leased, error=reason, after=pause)
        self._observer.attempt(leased.point, leased.hook, "retried")
        log.warning("delivery_failed", reason=reason, again_in=round(pause), exc_info=cause)

    async def _bury(self, leased: Leased, reason: str, cause: BaseException | None = None) -> bool:
        others = await self._queue.bury(leased, error=reason)
        self._observer.attempt(leased.point, leased.hook, "dead")
        log.error("delivery_dead", reason=reason, exc_info=cause)
        return others

    @staticmethod
    def _limit(hook: Hook, policy: DeliveryPolicy) -> float:
        return hook.options.timeout or policy.timeout
