"""Clients that keep asking, whatever happens, and write down what they were told."""

from __future__ import annotations

import asyncio
import itertools
import math
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import httpx2

from tests.partners.loopback import open_http
from tests.proxy.e2e.issuing_server import CLIENT_SECRET
from tests.proxy.e2e.recorder import JWKS

Kind = Literal["token", "sign-up", "passed", "keys"]

CLIENT = ("m2m", CLIENT_SECRET)
PATIENCE = 30.0
"""Seconds after which a client takes a request for hung; far more than any limit of the configuration."""
_PAUSE = 0.04
_TURNS: tuple[Kind, ...] = ("token", "passed", "token", "sign-up", "token", "keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: times of the monotonic clock, `error` None when it was answered as it should be.

    `wrong` is an answer that must never be given, such as one with a traceback or without the hook's claim.
    """

    kind: Kind
    begun: float
    ended: float
    error: str | None = None
    wrong: bool = False


class Load:
    """`clients` clients at a URL, between `start` and `stop`."""

    def __init__(self, url: str, *, clients: int, claim: str) -> None:
        self.asked: list[Asked] = []
        self.tokens: list[str] = []
        self.signed_up: list[str] = []
        self._url = url
        self._count = clients
        self._claim = claim
        self._numbers = itertools.count()
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: list[float] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._be_a_client(number)) for number in range(self._count)]

    async def stop(self) -> None:
        """Let every client finish what it asked for; raises what a client died of."""
        self._ended.set()
        await asyncio.gather(*self._tasks)

    def since(self, moment: float) -> Iterator[Asked]:
        """What was asked for after a moment."""
        return (each for each in reversed(self.asked) if each.begun >= moment)

    def waits_since(self) -> float:
        """When the oldest request was begun that has not ended; infinity when there is none."""
        return min(self._waiting, default=math.inf)

    async def _be_a_client(self, turn: int) -> None:
        async with open_http(auth=CLIENT) as http:
            http.timeout = PATIENCE
            while not self._ended.is_set():
                turn += 1
                await self._ask(http, _TURNS[turn % len(_TURNS)])
                await asyncio.sleep(_PAUSE)

    async def _ask(self, http: httpx2.AsyncClient, kind: Kind) -> None:
        begun = time.monotonic()
        self._waiting.append(begun)
        try:
            error, wrong = await self._send(http, kind)
        except httpx2.TransportError as failure:
            error, wrong = type(failure).__name__, False
        self._waiting.remove(begun)
        self.asked.append(Asked(kind=kind, begun=begun, ended=time.monotonic(), error=error, wrong=wrong))

    async def _send(self, http: httpx2.AsyncClient, kind: Kind) -> tuple[str | None, bool]:
        if kind == "passed":
            number = str(next(self._numbers))
            answer = await http.get(f"{self._url}/reports", params={"n": number})
            return _judge(answer, answer.status_code != 200 or answer.json() == {"asked": number})
        if kind == "keys":
            answer = await http.get(self._url + JWKS)
            return _judge(answer, answer.status_code != 200 or bool(answer.json()["keys"]))
        if kind == "sign-up":
            email = f"{secrets.token_hex(8)}@example.com"
            user = {"client_id": "m2m", "email": email, "password": secrets.token_hex(8), "connection": "users"}
            answer = await http.post(f"{self._url}/dbconnections/signup", json=user)
            if answer.status_code == 200:
                self.signed_up.append(email)
            return _judge(answer, answer.status_code != 200 or answer.json()["email"] == email)
        form = {"grant_type": "client_credentials", "scope": "api:read"}
        answer = await http.post(f"{self._url}/oauth/token", data=form)
        if answer.status_code == 200:
            self.tokens.append(answer.json()["access_token"])
        return _judge(answer, right=True)


def _judge(answer: httpx2.Response, right: bool) -> tuple[str | None, bool]:
    """Why an answer is an error (status and code), and whether it must not have been given."""
    if "Traceback" in answer.text or not right:
        return f"{answer.status_code} wrong", True
    if answer.status_code == 200:
        return None, False
    try:
        members = answer.json()
        code = str(members["error"] if "error" in members else members["code"])  # sign-up answers in Auth0's own shape
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} without a code", answer.status_code < 500
    return f"{answer.status_code} {code}", answer.status_code < 500
