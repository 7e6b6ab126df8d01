"""Durable delivery, put together."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable

from hookpoint.hooks.chain import Observer, observe_nothing
from hookpoint.hooks.deliveries.database import Database, Sealer
from hookpoint.hooks.deliveries.delivering import Delivering
from hookpoint.hooks.deliveries.observer import DeliveryObserver, ObserveNothing
from hookpoint.hooks.deliveries.outbox import Outbox
from hookpoint.hooks.deliveries.outcomes import Outcomes
from hookpoint.hooks.deliveries.payload import Codec
from hookpoint.hooks.deliveries.queue import DeliveryQueue
from hookpoint.hooks.deliveries.resolver import Resolver, cannot_look_up
from hookpoint.hooks.deliveries.settling import Settling
from hookpoint.hooks.deliveries.transactions import Transactions
from hookpoint.hooks.deliveries.upkeep import Upkeep
from hookpoint.hooks.deliveries.worker import DeliveryWorker
from hookpoint.hooks.delivery_policy import DeliveryPolicy
from hookpoint.hooks.registry import Registry

CONCURRENCY = 10
POLL = 1.0


class Deliveries:
    """The outbox of a process, and the worker that empties it.

    `database` has the tables of this package. `concurrency` hooks run at a time, and every `poll` seconds work of other processes is
    looked for. `observe_run` is told of each run of a hook, `observer` of each attempt and of the queue. `clock` is in seconds since
    1970.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        policy: DeliveryPolicy | None = None,
        sealer: Sealer | None = None,
        resolver: Resolver = cannot_look_up,
        concurrency: int = CONCURRENCY,
        poll: float = POLL,
        observe_run: Observer = observe_nothing,
        observer: DeliveryObserver | None = None,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        policy = policy or DeliveryPolicy()
        observer = observer or ObserveNothing()
        rng = rng or random.Random()  # noqa: S311 - spreads attempts, protects nothing
        codec = Codec(sealer)
        transactions = Transactions(database)
        queue = DeliveryQueue(database, transactions, owner=uuid.uuid4().hex, clock=clock)
        self._worker = DeliveryWorker(
            queue,
            Delivering(
                queue, registry, policy=policy, codec=codec, observe_run=observe_run, observer=observer, rng=rng
            ),
            Outcomes(
                database,
                Settling(registry, codec),
                resolver=resolver,
                policy=policy,
                codec=codec,
                rng=rng,
                clock=clock,
            ),
            Upkeep(database, policy=policy, observer=observer, clock=clock),
            concurrency=concurrency,
            poll=poll,
        )
        self.outbox = Outbox(transactions, registry, policy=policy, codec=codec, taker=self._worker, clock=clock)

    def start(self) -> None:
        """Begin to deliver in the background."""
        self._worker.start()

    async def run_due(self) -> int:
        """Deliver what is due now, in place of `start`; returns how many attempts were made."""
        return await self._worker.run_due()

    async def aclose(self) -> None:
        """Stop; what is still running is left to other processes, or to the next start."""
        await self._worker.aclose()
