"""A delivery with everything around it, on a clock that stands still until it is told otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import inspect, text

from hookpoint.hooks import Chain, Registry, hooks_of_functions
from hookpoint.providers import Route, Router
from hookpoint.providers.guard import Guard, TestNumber
from hookpoint.providers.limits import KeyMaker, Limit, Limits
from hookpoint.providers.numbers import NumberPolicy
from hookpoint.providers.sql_counters import SqlCounters
from hookpoint.providers.templates import Templates
from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.sms.deduplication import Deduplication
from hookpoint.proxy.sms.delivery import PhoneDelivery
from hookpoint.proxy.sms.messages import MessageRecords
from hookpoint.proxy.sms.tables import MIGRATIONS, PART
from hookpoint.proxy.sms.texts import Texts
from hookpoint.proxy.store import Store, open_store
from hookpoint.proxy.vault.locks import Locks
from hookpoint.proxy.vault.vault import Vault
from tests.leak_scan import scan_place
from tests.leaks import Watch

PEPPER = b"pepper of the tests, 32 bytes ok"
NUMBER = "+4915112345678"
SPOKEN = "0151 12345678"
CODE = "918273"


@dataclass(slots=True)
class Clock:
    """Seconds since 1970, or since whenever."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True, kw_only=True)
class Stage:
    """What a test talks to."""

    delivery: PhoneDelivery
    store: Store
    clock: Clock
    providers: dict[str, Memory]
    counted: list[tuple[str, str]] = field(default_factory=list)

    @property
    def main(self) -> Memory:
        """The first provider."""
        return self.providers["main"]


@asynccontextmanager
async def stage(
    *,
    hooks: Sequence[Callable[..., Any]] = (),
    limits: Sequence[Limit] = (),
    numbers: NumberPolicy | None = None,
    tests: Sequence[TestNumber] = (),
    texts: Texts | None = None,
    routes: Sequence[Route] = (),
    providers: Sequence[Memory] = (),
    url: str = "sqlite://",
    hook_seconds: float = 3.0,
) -> AsyncIterator[Stage]:
    """Put a delivery together as the product does, with providers in memory; what it stores is searched for leaks."""
    clock = Clock()
    store = await open_store(url)
    try:
        vault = Vault(store, clock=clock)
        await vault.prepare()
        await store.migrate(PART, MIGRATIONS)
        found = {each.name: each for each in providers or [Memory("main")]}
        counted: list[tuple[str, str]] = []
        delivery = PhoneDelivery(
            chain=Chain(Registry(hooks_of_functions(hooks)), timeout=hook_seconds),
            guard=Guard(
                SqlCounters(store.engine, reading=store.reading),
                numbers=numbers or NumberPolicy(default_region="DE"),
                limits=Limits(limits, KeyMaker(PEPPER)),
                test_numbers=tests,
                clock=clock,
            ),
            router=Router(found, routes),
            texts=texts or Texts(templates=Templates()),
            deduplication=Deduplication(vault, Locks(store), pepper=PEPPER, window=600, clock=clock),
            records=MessageRecords(store, pepper=PEPPER, keep=3600, clock=clock),
            count=lambda provider, outcome: counted.append((provider, outcome)),
        )
        yield Stage(delivery=delivery, store=store, clock=clock, providers=found, counted=counted)
        sent = [message for each in found.values() for message in each.messages]
        watch = Watch(codes={each.code for each in sent if each.code}, numbers={each.recipient for each in sent})
        scan_place("the store", await _everything_in(store), watch)
    finally:
        await store.aclose()


async def _everything_in(store: Store) -> bytes:
    async with store.read() as connection:
        names = await connection.run_sync(lambda ours: inspect(ours).get_table_names())
        rows = [row for name in names for row in await connection.execute(text(f'SELECT * FROM "{name}"'))]
    return b"\n".join(each if isinstance(each, bytes) else str(each).encode() for row in rows for each in row)
