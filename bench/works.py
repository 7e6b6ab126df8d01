"""The work that peers are measured on: a request each, and what makes its answer right."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from joserfc import jws
from joserfc.jwk import KeySet

from bench.load import Answer, exchange
from bench.stage import CLAIM, CLAIM_VALUE, ISSUER

if TYPE_CHECKING:
    from bench.load import Address
    from bench.peers.peer import Peer
    from bench.stage import Stage

NUMBER = b"0" * 16

Verify = Callable[[Answer], None]


class WrongAnswer(Exception):  # noqa: N818 - a verdict on a peer
    """A peer does not do the work it is measured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One request, sent over so many connections when the rate is measured."""

    name: str
    title: str
    connections: int
    target: str
    content_type: str
    body: bytes = field(repr=False)
    numbered: bool = False
    """Whether NUMBER in the body stands for another number in each request."""

    @property
    def request(self) -> bytes:
        """A request as it goes over the wire; every peer gets the same bytes."""
        head = (
            f"POST {self.target} HTTP/1.1\r\nHost: login.example\r\nAccept: */*\r\nUser-Agent: bench\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body

    def requests(self) -> Iterator[bytes]:
        """Requests without end."""
        request = self.request
        if not self.numbered:
            return itertools.repeat(request)
        first = time.time_ns() // 1_000_000 % 10**10  # no two runs have the same
        before, _, after = request.partition(NUMBER)
        return (b"%b%0*d%b" % (before, len(NUMBER), number, after) for number in itertools.count(first * 10**6))

    def is_echo(self, body: bytes) -> bool:
        """Whether a body is one that was sent."""
        if not self.numbered:
            return body == self.body
        before, _, after = self.body.partition(NUMBER)
        number = body[len(before) : len(before) + len(NUMBER)]
        return number.isdigit() and body == before + number + after


SMALL = Work(
    name="small",
    title="JSON POST of 100 bytes, echoed",
    connections=16,
    target="/api/reports",
    content_type="application/json",
    body=json.dumps({"report": "quarterly", "period": "2026-Q3", "filter": "x" * 39}).encode(),
)
LARGE = Work(
    name="large",
    title="POST of 1 MiB, echoed",
    connections=4,
    target="/api/upload",
    content_type="application/octet-stream",
    body=bytes(range(256)) * 4096,
)
TOKEN = Work(
    name="token",
    title="token request (client_credentials)",
    connections=16,
    target="/oauth/token",
    content_type="application/x-www-form-urlencoded",
    body=b"grant_type=client_credentials&client_id=reporting&client_secret=correct-horse&audience=https%3A%2F%2Fapi.example.com",
)
SIGN_UP = Work(
    name="sign-up",
    title="sign-up, a user each",
    connections=16,
    target="/dbconnections/signup",
    content_type="application/json",
    body=json.dumps(
        {
            "client_id": "app",
            "email": f"jo-{NUMBER.decode()}@example.com",
            "password": "correct horse",
            "connection": "users",
            "_id": "7f0d",
        }
    ).encode(),
    numbered=True,
)
WORKS = (SMALL, LARGE, TOKEN, SIGN_UP)

BODY_SIZES = (1_000, 10_000, 100_000)
BODIES = tuple(
    replace(
        SMALL,
        name=f"body-{size}",
        title=f"POST of {size // 1000} kB, echoed",
        target="/api/upload",
        content_type="application/octet-stream",
        body=bytes(size),
    )
    for size in BODY_SIZES
)
DELAYS = (0, 10, 100)
"""How long the server behind takes, in milliseconds."""
DELAYED = tuple(
    replace(
        SMALL, name=f"delay-{delay}", title=f"server behind takes {delay} ms", connections=64, target=f"/delay/{delay}"
    )
    for delay in DELAYS
)
CONNECTIONS = (10, 100, 500, 2_000)
CROWDS = tuple(
    replace(SMALL, name=f"connections-{count}", title=f"{count:,} connections", connections=count)
    for count in CONNECTIONS
)


def verifier(peer: Peer, work: Work, stage: Stage, address: Address) -> Verify:
    """How answers of a peer to a work are judged; the check raises WrongAnswer."""
    if work.target != TOKEN.target:
        return lambda answer: _check_echo(work, answer)
    keys = peer.keys(stage) if peer.keys else _published_keys(address)
    return lambda answer: _check_token(peer, stage, keys, answer)


def _check_echo(work: Work, answer: Answer) -> None:
    if answer.status != 200 or not work.is_echo(answer.body):
        raise WrongAnswer(f"{work.target}: {answer.status} with {len(answer.body)} bytes, which are not those sent")


def _check_token(peer: Peer, stage: Stage, keys: KeySet, answer: Answer) -> None:
    """Verify the signature, and that all claims are the upstream's but the one that was added."""
    try:
        token = json.loads(answer.body)["access_token"]
        signed = jws.deserialize_compact(token, keys, algorithms=[peer.algorithm])
        claims = json.loads(signed.payload)
    except (ValueError, KeyError, TypeError) as error:
        raise WrongAnswer(f"the token does not verify: {answer.status}, {error!r}") from error
    expected = {**stage.claims, CLAIM: CLAIM_VALUE} if peer.resigns else stage.claims
    if claims != expected:
        raise WrongAnswer(f"the token says {claims}, expected {expected}")


def _published_keys(address: Address) -> KeySet:
    host = ISSUER.partition("//")[2]
    answer = exchange(address, f"GET /jwks HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return KeySet.import_key_set(json.loads(answer.body))
