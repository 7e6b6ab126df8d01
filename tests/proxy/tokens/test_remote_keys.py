from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from structlog.testing import capture_logs

from hookpoint.proxy.tokens.errors import FetchFailed, KeysUnavailable, TokenRejected
from hookpoint.proxy.tokens.remote_keys import FetchedKeys, RemoteKeySet, Timing
from hookpoint.proxy.tokens.verification import TokenVerifier
from tests.proxy.tokens.issuer import CLAIMS, ISSUER, NOW, forge, issue, key_for, key_set, public_jwk

FIRST = public_jwk(key_for("ES256"), kid="k")
SECOND = public_jwk(key_for("ES256", 1), kid="second")
GOOD = key_set(FIRST)


class Upstream:
    """A key set that the test changes, a clock that the test moves, and a count of fetches."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.answer: bytes | Exception = GOOD
        self.max_age: int | None = None
        self.fetches = 0
        self.open = asyncio.Event()
        self.open.set()
        self.fetching = asyncio.Event()

    async def fetch(self) -> FetchedKeys:
        self.fetches += 1
        self.fetching.set()
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return FetchedKeys(body=self.answer, max_age=self.max_age)

    def clock(self) -> float:
        return self.now

    async def settled(self) -> None:
        """Let what runs in the background finish."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def keys(upstream: Upstream) -> AsyncIterator[RemoteKeySet]:
    found = RemoteKeySet(upstream.fetch, clock=upstream.clock)
    yield found
    await found.aclose()


async def kids(keys: RemoteKeySet, kid: str | None) -> Sequence[str | None]:
    return [key.kid for key in await keys.find(kid, "ES256")]


async def test_T8_unknown_kid_is_fetched_once(upstream: Upstream, keys: RemoteKeySet) -> None:
    verifier = TokenVerifier(keys, issuer=ISSUER, clock=lambda: NOW)
    assert (await verifier.verify(issue())).kid == "k"
    unknown = forge({"alg": "ES256", "kid": "second"}, CLAIMS, key_for("ES256", 1), "ES256")
    with pytest.raises(TokenRejected, match="unknown_key"):
        await verifier.verify(unknown)
    assert upstream.fetches == 2
    with pytest.raises(TokenRejected, match="unknown_key"):
        await verifier.verify(unknown)
    assert upstream.fetches == 2


async def test_T8_a_new_kid_is_found_by_one_fetch(upstream: Upstream, keys: RemoteKeySet) -> None:
    assert await kids(keys, "k") == ["k"]
    upstream.answer = key_set(FIRST, SECOND)
    assert await kids(keys, "second") == ["second"]
    assert upstream.fetches == 2


async def test_T8_a_flood_of_unknown_kids_is_one_fetch_per_30_seconds(upstream: Upstream, keys: RemoteKeySet) -> None:
    assert await kids(keys, "k") == ["k"]
    fetches = []
    for second in range(91):
        upstream.now = 1000.0 + second
        found = await asyncio.gather(*(kids(keys, f"{second}-{number}") for number in range(20)))
        assert found == [[]] * 20
        fetches.append(upstream.fetches)
    assert [second for second in range(1, 91) if fetches[second] != fetches[second - 1]] == [30, 60, 90]
    assert fetches[0] == 2


async def test_T8_one_unknown_kid_is_asked_for_less_and_less_than_others(
    upstream: Upstream, keys: RemoteKeySet
) -> None:
    assert await kids(keys, "bad") == []
    assert upstream.fetches == 2
    upstream.now += 31
    assert await kids(keys, "bad") == []
    assert upstream.fetches == 2
    assert await kids(keys, "other") == []
    assert upstream.fetches == 3
    upstream.now += 30
    assert await kids(keys, "bad") == []
    assert upstream.fetches == 4


async def test_T8_all_who_wait_share_one_fetch(upstream: Upstream, keys: RemoteKeySet) -> None:
    upstream.open.clear()
    waiting = [asyncio.create_task(kids(keys, "k")) for _ in range(50)]
    await upstream.fetching.wait()
    waiting[0].cancel()
    await upstream.settled()
    upstream.open.set()
    assert await asyncio.gather(*waiting[1:]) == [["k"]] * 49
    assert waiting[0].cancelled()
    assert upstream.fetches == 1


async def test_T8_memory_of_unknown_kids_is_bounded(upstream: Upstream) -> None:
    keys = RemoteKeySet(upstream.fetch, clock=upstream.clock, timing=Timing(cooldown=0))
    for number in range(1000):
        assert await kids(keys, str(number)) == []
    assert len(keys._unknown) == 256


async def test_a_known_kid_of_another_type_leads_to_no_fetch(upstream: Upstream, keys: RemoteKeySet) -> None:
    assert await kids(keys, "k") == ["k"]
    assert await keys.find("k", "RS256") == []
    assert upstream.fetches == 1


async def test_T9_down_at_start_fails_closed_and_recovers(upstream: Upstream, keys: RemoteKeySet) -> None:
    upstream.answer = FetchFailed("connection refused")
    verifier = TokenVerifier(keys, issuer=ISSUER, clock=lambda: NOW)
    for _ in range(5):
        with pytest.raises(KeysUnavailable, match="connection refused"):
            await verifier.verify(issue())
    assert upstream.fetches == 1
    upstream.answer = GOOD
    with pytest.raises(KeysUnavailable):
        await keys.keys()
    upstream.now += 1
    assert (await verifier.verify(issue())).kid == "k"
    assert upstream.fetches == 2


@pytest.mark.parametrize(
    "answer",
    [
        FetchFailed("status 500"),
        RuntimeError("a bug in the wrapped application"),
        b"<html>",
        key_set(FIRST, public_jwk(key_for("ES256", 1), kid="k")),
        b'{"keys":[],"x":"' + b"x" * 300_000 + b'"}',
    ],
    ids=["failed", "crashed", "not JSON", "duplicate kid", "huge"],
)
async def test_T9_a_bad_answer_later_leaves_the_last_good_set(
    upstream: Upstream, keys: RemoteKeySet, answer: bytes | Exception
) -> None:
    assert await kids(keys, "k") == ["k"]
    upstream.answer = answer
    upstream.now += 600
    with capture_logs() as logs:
        assert await kids(keys, "k") == ["k"]
        assert await kids(keys, "k") == ["k"]
    assert upstream.fetches == 2
    assert "upstream_keys_not_fetched" in [log["event"] for log in logs]
    upstream.now += 30
    upstream.answer = key_set(SECOND)
    assert await kids(keys, "second") == ["second"]
    assert upstream.fetches == 3


@pytest.mark.parametrize("answer", [b"<html>", RuntimeError("a bug")])
async def test_T9_a_bad_answer_at_start_fails_closed(
    upstream: Upstream, keys: RemoteKeySet, answer: bytes | Exception
) -> None:
    upstream.answer = answer
    with pytest.raises(KeysUnavailable):
        await kids(keys, "k")


async def test_T9_the_last_good_set_serves_for_a_day(upstream: Upstream, keys: RemoteKeySet) -> None:
    assert await kids(keys, "k") == ["k"]
    upstream.answer = FetchFailed("down")
    upstream.now += 24 * 3600 - 1
    assert await kids(keys, "k") == ["k"]
    upstream.now += 1
    with pytest.raises(KeysUnavailable, match="down"):
        await kids(keys, "k")
    upstream.now += 30
    upstream.answer = GOOD
    assert await kids(keys, "k") == ["k"]


async def test_T9_a_fetch_that_takes_too_long_is_given_up(upstream: Upstream) -> None:
    keys = RemoteKeySet(upstream.fetch, clock=upstream.clock, timing=Timing(fetch=0.01))
    upstream.open.clear()
    with pytest.raises(KeysUnavailable, match=r"longer than 0\.01 seconds"):
        await kids(keys, "k")


async def test_a_set_is_renewed_in_the_background_at_half_of_its_life(upstream: Upstream, keys: RemoteKeySet) -> None:
    assert await kids(keys, "k") == ["k"]
    upstream.now += 299
    assert await kids(keys, "k") == ["k"]
    assert upstream.fetches == 1
    upstream.now += 1
    upstream.open.clear()
    upstream.answer = key_set(SECOND)
    assert await kids(keys, "k") == ["k"]
    await upstream.settled()
    assert upstream.fetches == 2
    upstream.open.set()
    await upstream.settled()
    assert [key["kid"] for key in await keys.keys()] == ["second"]


@pytest.mark.parametrize(
    ("max_age", "lifetime"), [(None, 600), (0, 60), (59, 60), (120, 120), (3600, 3600), (10**9, 3600)]
)
async def test_max_age_counts_between_bounds(upstream: Upstream, max_age: int | None, lifetime: int) -> None:
    keys = RemoteKeySet(upstream.fetch, clock=upstream.clock)
    upstream.max_age = max_age
    assert await kids(keys, "k") == ["k"]
    upstream.now += lifetime / 2 - 1
    assert await kids(keys, "k") == ["k"]
    await upstream.settled()
    assert upstream.fetches == 1
    upstream.now += 1
    assert await kids(keys, "k") == ["k"]
    await upstream.settled()
    assert upstream.fetches == 2


async def test_a_set_past_its_life_is_renewed_before_use(upstream: Upstream, keys: RemoteKeySet) -> None:
    assert await kids(keys, "k") == ["k"]
    upstream.answer = key_set(SECOND)
    upstream.now += 600
    assert await kids(keys, None) == ["second"]


async def test_all_members_are_there_for_publishing(upstream: Upstream, keys: RemoteKeySet) -> None:
    encryption = {**SECOND, "use": "enc"}
    upstream.answer = key_set(FIRST, encryption)
    assert list(await keys.keys()) == [FIRST, encryption]


async def test_closing_gives_up_a_fetch(upstream: Upstream) -> None:
    keys = RemoteKeySet(upstream.fetch, clock=upstream.clock)
    upstream.open.clear()
    waiting = asyncio.create_task(kids(keys, "k"))
    await upstream.fetching.wait()
    await keys.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await keys.aclose()
