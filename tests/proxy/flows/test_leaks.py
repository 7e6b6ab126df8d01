"""The server's own tokens in answers that pass."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from hookpoint.proxy.flows.leaks import LeakDetector, path_pattern
from hookpoint.proxy.observability import Metrics, new_registry
from hookpoint.proxy.tokens.errors import FetchFailed
from hookpoint.proxy.tokens.remote_keys import FetchedKeys, RemoteKeySet
from tests.proxy.flows.returning_stage import UPSTREAM_KEY, http_scope, upstream_token
from tests.proxy.tokens.issuer import forge, key_set, public_jwk

ISSUER = "https://login.example.com"
JSON = (b"content-type", b"application/json; charset=utf-8")
TOKEN = upstream_token()
LEAK = "hookpoint_upstream_tokens_leaked_total"


class Detector:
    """A detector, what it lets through, and what it reports."""

    def __init__(self, *, keys_known: bool = True) -> None:
        async def fetch() -> FetchedKeys:
            if not keys_known:
                raise FetchFailed("gone")
            return FetchedKeys(body=key_set(public_jwk(UPSTREAM_KEY, use="sig", alg="ES256")))

        self.metrics = Metrics(new_registry())
        self.detector = LeakDetector(RemoteKeySet(fetch), issuer=ISSUER, metrics=self.metrics)
        self.sent: list[Message] = []

    async def pass_on(self, headers: Iterable[tuple[bytes, bytes]], *pieces: bytes, status: int = 200) -> list[Any]:
        async def send(message: Message) -> None:
            self.sent.append(message)

        watching = self.detector.watching(http_scope("GET", "/users/4711/session"), send)
        messages: list[Message] = [{"type": "http.response.start", "status": status, "headers": list(headers)}]
        messages += [{"type": "http.response.body", "body": piece, "more_body": True} for piece in pieces[:-1]]
        messages.append({"type": "http.response.body", "body": pieces[-1] if pieces else b"", "more_body": False})
        with capture_logs() as logs:
            for number, message in enumerate(messages):
                await watching(message)
                assert self.sent[number] is message  # at once, and as it was
        return [entry for entry in logs if entry["event"] == "upstream_token_leaked"]

    @property
    def count(self) -> float:
        value = self.metrics.registry.get_sample_value(LEAK)
        assert value is not None
        return value


def body_with(token: str) -> bytes:
    return json.dumps({"user": {"id": "jo"}, "session": {"access_token": token}}).encode()


async def test_T28_an_answer_with_a_token_of_the_server_is_reported_and_passes() -> None:
    detector = Detector()
    (report,) = await detector.pass_on([JSON], body_with(TOKEN))
    assert report["path"] == "/users/*/session"
    assert report["method"] == "GET"
    assert TOKEN not in str(report)
    assert detector.count == 1


async def test_a_token_at_the_seam_of_two_pieces_is_found() -> None:
    body = body_with(TOKEN)
    for cut in range(0, len(body), 7):
        assert await Detector().pass_on([JSON], body[:cut], body[cut:])
    assert await Detector().pass_on([JSON], *(body[at : at + 1] for at in range(len(body))))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_answer_is_looked_into(coding: str) -> None:
    packed = gzip.compress(body_with(TOKEN)) if coding == "gzip" else zlib.compress(body_with(TOKEN))
    assert await Detector().pass_on([JSON, (b"content-encoding", coding.encode())], packed[:40], packed[40:])


@pytest.mark.parametrize("status", [302, 303])
async def test_T27_a_redirect_that_takes_a_token_along_is_reported(status: int) -> None:
    location = f"https://app.example.test/cb#state=1&access_token={TOKEN}&token_type=Bearer"
    (report,) = await Detector().pass_on([(b"location", location.encode())], status=status)
    assert report["where"] == "redirect"


async def test_T28_a_token_is_reported_also_while_the_keys_are_not_known() -> None:
    assert await Detector(keys_known=False).pass_on([JSON], body_with(TOKEN))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([JSON], b'{"access_token":"opaque"}'),
        ([JSON], body_with(upstream_token(iss="https://other.example.com"))),
        ([JSON], body_with(forge({"alg": "ES256", "kid": "other"}, {"iss": ISSUER, "exp": 9}, UPSTREAM_KEY, "ES256"))),
        ([JSON], body_with(forge({"alg": "ES256", "kid": "upstream-1"}, {"iss": ISSUER}, UPSTREAM_KEY, "ES256"))),
        ([JSON], body_with("eyJub3QganNvbi4.eyJub3QganNvbi4.AAAAAAAAAAAAAAAAAAAAAAAAA")),
        ([(b"content-type", b"text/html")], body_with(TOKEN)),
        ([], body_with(TOKEN)),
        ([JSON, (b"content-encoding", b"br")], body_with(TOKEN)),
        ([JSON, (b"content-encoding", b"gzip")], body_with(TOKEN)),
        ([(b"location", b"/next?token=x")], b""),
    ],
)
async def test_everything_else_is_no_leak(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    detector = Detector()
    assert await detector.pass_on(headers, body) == []
    assert detector.count == 0


async def test_no_text_takes_long_to_search() -> None:
    detector = Detector()
    started = time.perf_counter()
    for text in ("eyJ" * 300_000, "eyJAAAAAAAAA." * 80_000, "eyJAAAAAAAAA.eyJAAAAAAAAA " * 40_000):
        assert (
            await detector.pass_on([JSON], *(text[at : at + 65536].encode() for at in range(0, len(text), 65536))) == []
        )
        detector.sent.clear()
    assert time.perf_counter() - started < 30  # what grows with the square of the length takes minutes


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/api/auth/sign-in/email", "/api/auth/sign-in/email"),
        ("/users/4711/", "/users/*/"),
        ("/u/jo@example.com/tokens", "/u/*/tokens"),
        ("/Aa/b%20c", "/*/*"),
        ("/", "/"),
    ],
)
def test_paths_name_nobody_in_logs(path: str, pattern: str) -> None:
    assert path_pattern(path) == pattern
