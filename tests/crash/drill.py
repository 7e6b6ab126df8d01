"""Users sign up through processes that are killed; afterwards everything is counted."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx2
from sqlalchemy import update

from hookpoint.hooks import Registry
from hookpoint.hooks.deliveries.payload import Codec
from hookpoint.hooks.deliveries.register import DeliveryRegister, Entry
from hookpoint.hooks.deliveries.tables import INTENT, events
from hookpoint.proxy.store import open_store
from tests.crash.processes import Replica, prepare
from tests.crash.server import REFUSED, UserServer
from tests.partners.loopback import open_http
from tests.proxy.e2e.serving import serve_in_thread

AT_ONCE = 6
DRAIN_SECONDS = 180.0
ANSWER_SECONDS = 120.0  # only killing cuts a call off: one that a client gave up goes on, and overlaps its next one
UNDER_WAY = ("waiting", "running", "open")
Fate = Literal["succeeded", "refused", "cut off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A hook that ran to its end, in the order in which they did; `at` is when a password was changed."""

    kind: str
    id: str
    email: str
    at: str


@dataclass(slots=True, kw_only=True)
class Drill:
    """What clients saw, what the server did, which hooks ran, and what hookpoint lists as neither delivered nor refused."""

    kills: int = 0
    sign_ups: dict[str, Fate] = field(default_factory=dict)
    changes: dict[str, list[Fate]] = field(default_factory=dict)
    server: UserServer = field(default_factory=UserServer)
    ran: list[Ran] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    def registered(self) -> set[str]:
        """The addresses of whose sign-up a hook was told."""
        return {each.email for each in self.ran if each.kind == "registered"}


async def run_drill(folder: Path, store: str, *, processes: int, sign_ups: int, kills: int) -> Drill:
    """Have users sign up while one process after the other is killed, `kills` times in all, and wait until all is delivered."""
    prepare(folder)
    drill = Drill()
    with serve_in_thread(drill.server.app) as upstream:
        replicas = [Replica(folder, upstream=upstream, store=store) for _ in range(processes)]
        try:
            await replicas[0].start()
            await asyncio.gather(*(replica.start() for replica in replicas[1:]))
            await _storm(drill, replicas, sign_ups, kills)
            await _drain(drill, store)
        finally:
            await asyncio.gather(*(replica.stop() for replica in replicas))
        drill.kills = sum(replica.kills for replica in replicas)
    lines = (folder / "ran.jsonl").read_text().splitlines()
    drill.ran = [Ran(**json.loads(line)) for line in lines if line.endswith("}")]
    return drill


async def _storm(drill: Drill, replicas: Sequence[Replica], sign_ups: int, kills: int) -> None:
    rng = random.Random(11)
    emails = iter([f"{REFUSED if rng.random() < 0.1 else ''}{number}@example.com" for number in range(sign_ups)])
    # Users come in as many portions as there are kills, and one more: else they would be through while processes start.
    portion, places = sign_ups // (kills + 1), asyncio.Semaphore(0)
    users = asyncio.gather(*(_users(drill, replicas, emails, rng, places) for _ in range(AT_ONCE)))
    for number in range(kills):
        _let_in(places, portion)
        while len(drill.sign_ups) < number * portion + portion // 2 and not users.done():  # noqa: ASYNC110 - any moment
            await asyncio.sleep(0.001)
        victim = replicas[number % len(replicas)]
        await victim.kill()
        await victim.start()
    _let_in(places, sign_ups + AT_ONCE)
    await users


def _let_in(places: asyncio.Semaphore, count: int) -> None:
    for _ in range(count):
        places.release()


async def _users(
    drill: Drill, replicas: Sequence[Replica], emails: Iterator[str], rng: random.Random, places: asyncio.Semaphore
) -> None:
    # A connection for each request: one that was kept would fail without anything having been asked.
    async with open_http({"connection": "close"}) as http:
        http.timeout = ANSWER_SECONDS
        while await places.acquire() and (email := next(emails, None)):
            drill.sign_ups[email] = fate = await _ask(http, replicas, rng, "/users", email)
            if fate == "succeeded":
                changes: list[Fate] = []
                drill.changes[email] = changes
                # No further one after one that was cut off: the event of a call that nobody saw end has no order.
                while len(changes) < 2 and "cut off" not in changes:
                    changes.append(await _ask(http, replicas, rng, "/password", email))


async def _ask(
    http: httpx2.AsyncClient, replicas: Sequence[Replica], rng: random.Random, path: str, email: str
) -> Fate:
    body = {"email": email, "password": "correct horse battery staple"}
    while True:
        try:
            answer = await http.post(rng.choice(replicas).url + path, json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            await asyncio.sleep(0.05)  # nobody is there: nothing was asked
            continue
        except httpx2.HTTPError:
            return "cut off"
        if answer.status_code == 503 and "not ready" in answer.text:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code >= 500:
            return "cut off"
        return "succeeded" if answer.is_success else "refused"


async def _drain(drill: Drill, url: str) -> None:
    """Wait until nothing is under way, and note what is listed then."""
    # What `hookpoint hooks deliveries` reads; a process for each look would take most of the time there is.
    store = await open_store(url)
    try:
        register = DeliveryRegister(store, Registry(), codec=Codec())
        # Every call has ended: those without an outcome need not be waited for.
        async with store.begin() as connection:
            await connection.execute(update(events).where(events.c.state == INTENT).values(due_at=0))
        async with asyncio.timeout(DRAIN_SECONDS):
            while await register.entries(states=UNDER_WAY, limit=1):  # noqa: ASYNC110 - it is another process that ends it
                await asyncio.sleep(0.1)
        drill.left = list(await register.entries(states=("dead", "unknown", *UNDER_WAY)))
        unknown = [await register.event(entry.event_id) for entry in drill.left if entry.state == "unknown"]
    finally:
        await store.aclose()
    drill.unknown = {event.user.email for event in unknown if event is not None}
