"""Puts phone messages together: providers and routing, guard and texts, hooks, duplicates and records, over one store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from hookpoint.hooks import Chain
from hookpoint.providers import Attempt, Router, Status, StatusUpdate
from hookpoint.providers.breaker import State
from hookpoint.providers.budgets import Budgets
from hookpoint.providers.guard import Guard
from hookpoint.providers.limits import KeyMaker, Limits
from hookpoint.providers.sql_counters import SqlCounters
from hookpoint.proxy.config import Settings
from hookpoint.proxy.observability import Metrics
from hookpoint.proxy.sms import configured
from hookpoint.proxy.sms.deduplication import Deduplication
from hookpoint.proxy.sms.delivery import PhoneDelivery
from hookpoint.proxy.sms.messages import MessageRecord, MessageRecords, Told
from hookpoint.proxy.sms.pepper import stored_pepper
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import DeliveryResult
from hookpoint.proxy.sms.tables import MIGRATIONS, PART
from hookpoint.proxy.store import Store, StoreError
from hookpoint.proxy.store.errors import unavailable
from hookpoint.proxy.vault.locks import Locks
from hookpoint.proxy.vault.vault import Vault

PURGE_INTERVAL: Final = 600.0
REPORT_PATIENCE: Final = 1.0
"""A report may come before the answer that names its message has been read: seconds until it is looked for again."""
_DAY: Final = 86_400

log = structlog.get_logger(__name__)


class PhoneMessages:
    """Delivers the phone messages of one configuration; what needs the store is there between `start` and `aclose`.

    Raises ConfigurationError with the problems of all providers. `now` is in seconds since 1970.
    """

    def __init__(
        self, settings: Settings, *, chain: Chain, metrics: Metrics, now: Callable[[], float] = time.time
    ) -> None:
        self._sms = settings.sms
        self._chain = chain
        self._metrics = metrics
        self._now = now
        self.providers: Final = configured.configured_providers(settings)
        self.router: Final = Router(
            self.providers,
            configured.configured_routes(self._sms),
            deadline=self._sms.deadline,
            new_breaker=lambda: configured.configured_breaker(self._sms),
            observe=self._observe,
        )
        for provider in self.providers.values():
            provider.on_status = self._report_soon
        self._delivery: PhoneDelivery | None = None
        self._records: MessageRecords | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, store: Store) -> None:
        """Bring the tables up to date and start the providers; raises StoreError."""
        sms = self._sms
        vault = Vault(store, clock=self._now)
        await vault.prepare()
        await store.migrate(PART, MIGRATIONS)
        pepper = configured.configured_pepper(sms) or await stored_pepper(store)
        counters = SqlCounters(store.engine, reading=store.reading)
        keys = KeyMaker(pepper)
        records = MessageRecords(store, pepper=pepper, keep=sms.keep_days * _DAY, clock=self._now)
        budgets = None if sms.budgets is None else configured.configured_budgets(sms.budgets)
        guard = Guard(
            counters,
            numbers=configured.configured_numbers(sms),
            limits=Limits(configured.configured_limits(sms), keys, prices=configured.configured_prices(sms)),
            budgets=None if budgets is None else Budgets(budgets, counters, keys),
            test_numbers=configured.configured_test_numbers(sms),
            many_parts=sms.many_parts,
            clock=self._now,
        )
        deduplication = Deduplication(vault, Locks(store), pepper=pepper, window=sms.idempotency, clock=self._now)
        self._delivery = PhoneDelivery(
            chain=self._chain,
            guard=guard,
            router=self.router,
            texts=configured.configured_texts(sms),
            deduplication=deduplication,
            records=records,
            count=self._metrics.sms_message,
        )
        self._records = records
        await self.router.start()
        self._spawn(self._purge(vault, counters, records))

    async def aclose(self) -> None:
        """Stop the providers, and whatever waits for something."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.router.stop()
        self._delivery = self._records = None

    async def deliver(self, request: DeliveryRequest, *, deadline: float) -> DeliveryResult:
        """Deliver one message; see `PhoneDelivery.deliver`."""
        return await self._started.deliver(request, deadline=deadline)

    async def verified(self, recipient: str, *, ip: str | None = None) -> bool:
        """Somebody typed the right code in; see `PhoneDelivery.verified`."""
        return await self._started.verified(recipient, ip=ip)

    async def find(self, provider: str, id: str) -> MessageRecord | None:  # noqa: A002 - the vendor's word
        """What became of a message, by the vendor's id; raises StoreUnavailable."""
        assert self._records is not None, "used before it was started"
        return await self._records.find(provider, id)

    async def report(self, update: StatusUpdate) -> None:
        """A provider told what became of a message; raises StoreUnavailable."""
        assert self._records is not None, "used before it was started"
        told = await self._records.update(update)
        if told is Told.OF_NOBODY:
            await asyncio.sleep(REPORT_PATIENCE)
            told = await self._records.update(update)
        if told is Told.NEWS:
            self._metrics.sms_report(update.provider, update.status)
            self.router.report(update)
            self._show_circuit(update.provider)
        if update.status.final:
            counted = await self._records.settle(update)
            if counted is not None and update.status is not Status.DELIVERED:
                await self._started.undelivered(counted)
        log.info("sms_report", provider=update.provider, status=update.status, told=told.name.lower())

    @property
    def _started(self) -> PhoneDelivery:
        assert self._delivery is not None, "used before it was started"
        return self._delivery

    def _report_soon(self, update: StatusUpdate) -> None:
        self._spawn(self._report_quietly(update))

    async def _report_quietly(self, update: StatusUpdate) -> None:
        try:
            await self.report(update)
        except StoreError as error:
            log.warning("sms_report_lost", provider=update.provider, code=error.code, reason=str(error))

    def _observe(self, attempt: Attempt) -> None:
        self._metrics.sms_attempt(
            attempt.provider,
            kind=attempt.kind,
            country=attempt.country,
            outcome=attempt.outcome,
            seconds=attempt.seconds,
        )
        self._show_circuit(attempt.provider)

    def _show_circuit(self, provider: str) -> None:
        self._metrics.sms_circuit(provider, is_open=self.router.states()[provider] is State.OPEN)

    async def _purge(self, vault: Vault, counters: SqlCounters, records: MessageRecords) -> None:
        while True:
            await asyncio.sleep(PURGE_INTERVAL)
            try:
                with unavailable():
                    await vault.purge()
                    await records.purge()
                    await counters.purge(now=self._now())
            except StoreError as error:
                log.warning("purge_failed", code=error.code, reason=str(error))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
