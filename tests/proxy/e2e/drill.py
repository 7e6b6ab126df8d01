"""Two `hookpoint serve` on one store, in use all the time while a key rotates and each of them is killed once and started again."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.partners.loopback import open_http
from tests.partners.resource_server import read_header
from tests.partners.warm_start import run_command
from tests.proxy.e2e.issuing_server import CLIENT_SECRET, IssuingServer
from tests.proxy.e2e.product import Product, eventually, free_port, run_hookpoint
from tests.proxy.e2e.recorder import JWKS
from tests.proxy.e2e.serving import serve_in_thread

CLIENT = ("m2m", CLIENT_SECRET)
SEEN_BY_HOOK = "https://example.com/grant"
HOOKS = f"""
from hookpoint.hooks import TokenChanges, credentials_exchange, token_issuance


@credentials_exchange
async def machine(event) -> TokenChanges:
    return TokenChanges(claims={{"{SEEN_BY_HOOK}": "client_credentials"}})


@token_issuance
async def person(event) -> TokenChanges:
    return TokenChanges(claims={{"{SEEN_BY_HOOK}": event.grant_type}})
"""
MACHINES = PERSONS = 2
PAUSE = 0.35
PATIENCE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token that a client received, when, and from which process."""

    token: str
    kid: str
    at: float
    replica: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A key set, and when a process was asked for it."""

    body: bytes
    asked: float
    replica: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that was not answered."""

    begun: float
    ended: float
    replica: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From when until when a process was not there."""

    begun: float
    ended: float
    replica: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What was said of a token at the end: before it was revoked, to that, and afterwards."""

    before: object
    revocation: int
    after: object


@dataclass(slots=True, kw_only=True)
class Outcome:
    """All that happened; times are of one monotonic clock.

    `announced` is since when the next key is in the store, `switch` the time from which it signs as `keys rotate` has told it, in
    seconds since 1970. `left` are the tokens that the server behind still holds for good in the end.
    """

    issuer: str
    issued: list[Issued] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    announced: float = 0.0
    switch: float = 0.0
    left: int = 0
    log: list[str] = field(default_factory=list)

    def kids(self, replica: int | None = None) -> Counter[str]:
        """How many tokens were signed with each key, by all processes or one."""
        return Counter(each.kid for each in self.issued if replica in (None, each.replica))


class Replicas:
    """The processes; `urls` stay the same however often they are started."""

    def __init__(self, folder: Path, *, upstream: str, store: str, ports: Sequence[int], running: ExitStack) -> None:
        self.folders = [folder / f"replica-{number}" for number in range(len(ports))]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.products: list[Product] = []
        self._ports = ports
        self._running = running
        self._configuration = f"""
        [upstream]
        url = "{upstream}"
        issuer = "{self.urls[0]}"
        [store]
        url = "{store}"
        timeout = 30.0
        [tokens]
        key_publish_delay = 1
        [[hooks]]
        run = "hooks.py"
        """

    async def start(self, number: int) -> Product:
        """Start one; returns when it answers."""
        run = run_hookpoint(self.folders[number], self._configuration, hooks=HOOKS, port=self._ports[number])
        product = await asyncio.to_thread(self._running.enter_context, run)
        self.products.append(product)
        async with open_http() as http:

            async def status() -> int:
                return int((await http.get(self.urls[number] + JWKS)).status_code)

            await eventually(status, lambda found: found == 200, seconds=PATIENCE)
        return product

    async def kill(self, product: Product) -> None:
        """End one as a machine does that loses power; returns when it is gone."""
        process = psutil.Process(product.pid)
        os.kill(product.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait, PATIENCE)

    async def rotate(self) -> float:
        """Rotate the key as an operator does; returns from when the next one signs, in seconds since 1970."""

        command = ["keys", "rotate"]
        done = await asyncio.to_thread(run_command, command, cwd=self.folders[0], env=os.environ, timeout=PATIENCE)
        told = re.search(r"for RS256 signs from (\S+ \S+)\.", done.stdout)
        assert told, done.stderr
        return datetime.strptime(told[1], "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC).timestamp()


class Clients:
    """Clients that take turns between the processes, and somebody who keeps looking at the keys, until `ended`."""

    def __init__(self, urls: Sequence[str], outcome: Outcome) -> None:
        self._urls = urls
        self._outcome = outcome
        self._news = asyncio.Condition()
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Be there until the end."""
        async with asyncio.TaskGroup() as group:
            for number in range(MACHINES):
                group.create_task(self._machine(number))
            for number in range(PERSONS):
                group.create_task(self._person(number))
            for replica in range(len(self._urls)):
                group.create_task(self._watch_keys(replica))

    async def see(self, is_it: Callable[[Outcome], bool]) -> None:
        """Wait until what has happened so far is what is waited for, or something was wrong already."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: bool(self._outcome.wrong) or is_it(self._outcome))

    async def _machine(self, turn: int) -> None:
        async with self._http() as http:
            while await self._go_on():
                turn += 1
                members = await self._ask(http, turn, {"grant_type": "client_credentials", "scope": "api:read"})
                if members is not None:
                    # The other process has never seen this token, nor at first its key.
                    await self._introspect(http, turn + 1, members["access_token"])

    async def _person(self, turn: int) -> None:
        start = {"grant_type": "authorization_code", "code": "c", "redirect_uri": "https://app.example.test/"}
        form = start
        async with self._http() as http:
            while await self._go_on():
                turn += 1
                members = await self._ask(http, turn, form)
                # A refresh token that was on its way to a process that died may be used up: sign in again.
                form = (
                    start
                    if members is None
                    else {"grant_type": "refresh_token", "refresh_token": members["refresh_token"]}
                )

    async def _watch_keys(self, replica: int) -> None:
        async with self._http() as http:
            while await self._go_on():
                asked = time.monotonic()
                answer = await self._send(http, replica, "GET", JWKS)
                if answer is not None:
                    self._outcome.published.append(Published(body=answer.content, asked=asked, replica=replica))

    async def _ask(self, http: httpx2.AsyncClient, turn: int, form: dict[str, str]) -> dict[str, Any] | None:
        replica = turn % len(self._urls)
        answer = await self._send(http, replica, "POST", "/oauth/token", form)
        if answer is None:
            return None
        members: dict[str, Any] = answer.json()
        for name in ("access_token", "id_token"):
            token = members[name]
            self._outcome.issued.append(
                Issued(token=token, kid=read_header(token)["kid"], at=time.monotonic(), replica=replica)
            )
        async with self._news:
            self._news.notify_all()
        return members

    async def _introspect(self, http: httpx2.AsyncClient, turn: int, token: str) -> None:
        answer = await self._send(http, turn % len(self._urls), "POST", "/oauth/introspection", {"token": token})
        if answer is not None and answer.json().get(SEEN_BY_HOOK) != "client_credentials":
            self._outcome.wrong.append(f"introspection during the drill: {answer.text}")

    async def _send(
        self, http: httpx2.AsyncClient, replica: int, method: str, path: str, form: dict[str, str] | None = None
    ) -> httpx2.Response | None:
        begun = time.monotonic()
        try:
            answer: httpx2.Response = await http.request(method, self._urls[replica] + path, data=form)
            json.loads(answer.content)
        except httpx2.TransportError as error:
            self._outcome.failures.append(
                Failure(begun=begun, ended=time.monotonic(), replica=replica, reason=repr(error))
            )
            return None
        except ValueError:
            self._outcome.wrong.append(f"{path}: {answer.status_code} {answer.text}")
            return None
        if answer.status_code != 200:
            self._outcome.wrong.append(f"{path}: {answer.status_code} {answer.text}")
            return None
        return answer

    async def _go_on(self) -> bool:
        try:
            async with asyncio.timeout(PAUSE):
                await self.ended.wait()
        except TimeoutError:
            return True
        return False

    @staticmethod
    def _http() -> httpx2.AsyncClient:
        http = open_http(auth=CLIENT)
        http.timeout = PATIENCE
        return http


async def run_drill(folder: Path, store: str) -> Outcome:
    """Run it; the outcome is judged elsewhere."""
    ports = [free_port(), free_port()]
    server = IssuingServer(issuer=f"http://127.0.0.1:{ports[0]}")
    outcome = Outcome(issuer=server.issuer)
    with ExitStack() as running:
        upstream = running.enter_context(serve_in_thread(server.app))
        replicas = Replicas(folder, upstream=upstream, store=store, ports=ports, running=running)
        first, second = [await replicas.start(number) for number in range(2)]
        clients = Clients(replicas.urls, outcome)
        load = asyncio.create_task(clients.run())
        try:
            await clients.see(lambda so_far: all(so_far.kids(replica).total() >= 10 for replica in range(2)))
            outcome.switch = await replicas.rotate()
            outcome.announced = time.monotonic()
            await _kill_and_start(replicas, 0, first, outcome)
            old = set(outcome.kids())
            await clients.see(lambda so_far: all(so_far.kids(replica).keys() - old for replica in range(2)))
            await _kill_and_start(replicas, 1, second, outcome)
            since = time.monotonic()
            await clients.see(
                lambda so_far: all(
                    sum(each.replica == replica and each.at > since for each in so_far.issued) >= 8
                    for replica in range(2)
                )
            )
        finally:
            clients.ended.set()
            await load
        await _end_all(replicas.urls, outcome)
        outcome.left = len(server.issued)
        outcome.log = [line for product in replicas.products for line in product.lines]
    return outcome


async def _kill_and_start(replicas: Replicas, number: int, product: Product, outcome: Outcome) -> None:
    begun = time.monotonic()
    await replicas.kill(product)
    await replicas.start(number)
    outcome.outages.append(Outage(begun=begun, ended=time.monotonic(), replica=number))


async def _end_all(urls: Sequence[str], outcome: Outcome) -> None:
    """Look at all keys once more, and revoke all access tokens, each at the process that did not issue it."""
    async with open_http(auth=CLIENT) as http:
        http.timeout = PATIENCE
        for replica, url in enumerate(urls):
            asked = time.monotonic()
            body = (await http.get(url + JWKS)).content
            outcome.published.append(Published(body=body, asked=asked, replica=replica))
        turns = asyncio.Semaphore(6)

        async def end(each: Issued) -> Fate:
            other, form = urls[1 - each.replica], {"token": each.token}
            async with turns:
                before = await http.post(other + "/oauth/introspection", data=form)
                revocation = await http.post(other + "/oauth/revocation", data=form)
                after = await http.post(urls[each.replica] + "/oauth/introspection", data=form)
            return Fate(before=before.json(), revocation=revocation.status_code, after=after.json())

        access = [each for each in outcome.issued if read_header(each.token)["typ"] == "at+jwt"]
        outcome.fates.extend(await asyncio.gather(*map(end, access)))
