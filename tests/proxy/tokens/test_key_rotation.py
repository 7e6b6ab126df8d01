"""Keys over the years: rotation, replicas, stores that are away, secrets that change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from structlog.testing import capture_logs

from hookpoint.proxy.store import Store, StoreUnavailable, open_store
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.key_schedule import LEEWAY, MEMORY, REFRESH, RETENTION, STALE, KeyPolicy
from hookpoint.proxy.tokens.key_seal import KeySeal
from hookpoint.proxy.tokens.key_table import MIGRATIONS, PART
from hookpoint.proxy.tokens.private_keys import generate_key
from hookpoint.proxy.tokens.public_keys import PublicKeySet
from hookpoint.proxy.tokens.publishing import published_jwks
from hookpoint.proxy.tokens.signer import SigningKey
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.tokens.verification import TokenVerifier
from tests.proxy.tokens.issuer import CLAIMS, ISSUER

DAY = 86400.0
SECRET = "a secret with enough of everything"
POLICY = KeyPolicy(publish_delay=900, rotation=90 * DAY)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Replica:
    """A process, as far as keys are concerned."""

    keys: SigningKeys
    clock: Clock
    tokens: list[tuple[str, float]] = field(default_factory=list)

    async def sign(self, *, life: float = 3600) -> str:
        exp = int(self.clock.now + life)
        signer = await self.keys.signer_for("ES256")
        claims = {**CLAIMS, "iat": int(self.clock.now), "nbf": int(self.clock.now), "exp": exp}
        token = await signer.sign({"typ": "at+jwt"}, json.dumps(claims).encode())
        self.tokens.append((token, exp))
        return token

    async def verifies(self, token: str) -> bool:
        published = PublicKeySet.parse(published_jwks(await self.keys.jwks_to_publish(), [], "exclusive"))
        await TokenVerifier(published, issuer=ISSUER, clock=self.clock).verify(token)
        return True

    async def settle(self) -> None:
        """Look at the store and do what is due, as a request does that comes after a while."""
        self.clock.now += REFRESH * 2
        await self.keys.signer_for("ES256")

    def states(self) -> list[str]:
        return [phase.state for _, phase in self.keys.overview()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url, timeout=1)
    yield opened
    await opened.aclose()


@asynccontextmanager
async def replica(store: Store, clock: Clock, **options: object) -> AsyncIterator[Replica]:
    keys = SigningKeys(store, policy=POLICY, clock=clock, **options)  # type: ignore[arg-type]
    await keys.prepare(["ES256"])
    yield Replica(keys, clock)
    await keys.aclose()


async def kid(of: Replica) -> str:
    return (await of.keys.signer_for("ES256")).kid


async def column(store: Store, name: str) -> Sequence[object]:
    async with store.read() as connection:
        return list(await connection.scalars(text(f"SELECT {name} FROM signing_keys ORDER BY created_at, active_at")))


async def test_a_key_gets_a_successor_by_age_which_waits_until_it_is_known(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one, replica(store, clock) as other:
        first = await kid(one)
        old = await one.sign(life=30 * DAY)
        clock.now += 90 * DAY - 900
        await one.settle()
        assert one.states() == ["active", "pending"]
        assert await kid(one) == await kid(other) == first
        assert len(await other.keys.jwks_to_publish()) == 2
        clock.now += 900 + REFRESH
        await other.settle()
        second = await kid(other)
        assert second == await kid(one) != first
        assert await one.verifies(await other.sign())
        assert await other.verifies(await one.sign())
        assert other.states() == ["retired", "active"]
        with pytest.raises(Exception, match="expired"):
            await one.verifies(old)


async def test_replicas_that_find_a_key_old_at_once_make_one_successor(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one, replica(store, clock) as other:
        clock.now += 90 * DAY
        await asyncio.gather(one.settle(), other.settle())
        await one.settle()
        assert one.states() == ["active", "pending"]


async def test_a_key_that_is_not_used_any_more_is_not_rotated(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one:
        await kid(one)
    clock.now += 400 * DAY
    keys = SigningKeys(store, policy=POLICY, clock=clock)
    await keys.prepare(["Ed25519"])
    clock.now += 2 * REFRESH
    await keys.signer_for("Ed25519")
    assert [times.algorithm for times, _ in keys.overview()] == ["ES256", "Ed25519"]
    await keys.aclose()


async def test_configured_keys_are_never_rotated(store: Store, clock: Clock) -> None:
    own = SigningKey.of(generate_key("ES256"), "ES256")
    async with replica(store, clock, configured=[own]) as one:
        clock.now += 400 * DAY
        await one.settle()
        assert await kid(one) == own.kid
        assert one.states() == []
        with pytest.raises(SigningKeyError, match="is configured"):
            await one.keys.rotate("ES256")


async def test_a_retired_key_is_published_until_its_last_token_has_expired(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one:
        token = await one.sign(life=60 * DAY)
        await one.keys.rotate("ES256")
        clock.now += 900 + REFRESH + 1
        await one.settle()
        assert one.states() == ["retired", "active"]
    clock.now += 59 * DAY
    async with replica(store, clock) as later:
        await later.settle()
        assert await later.verifies(token)
        assert await column(store, "private_jwk = ''") in ([0, 0], [False, False])
        clock.now += DAY + LEEWAY
        await later.settle()
        await later.settle()
        assert later.states() == ["removed", "active"]
        assert len(await later.keys.jwks_to_publish()) == 1
        assert len(await later.keys.public_jwks()) == 2
        assert await column(store, "private_jwk = ''") in ([1, 0], [True, False])
        clock.now += MEMORY
        await later.settle()
        await later.settle()
        assert len(await later.keys.public_jwks()) >= 1
        assert "removed" not in later.states()


async def test_a_retired_key_without_tokens_goes_after_its_time(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one:
        await kid(one)
        await one.keys.rotate("ES256")
        clock.now += 900 + REFRESH + 1 + RETENTION
        await one.settle()
        assert one.states() == ["retired", "active"]
        clock.now += LEEWAY
        await one.settle()
        assert one.states() == ["removed", "active"]


async def test_signing_asks_the_store_only_now_and_then(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one:
        signer = await one.keys.signer_for("ES256")
        async with store.begin() as connection:
            await connection.execute(text("ALTER TABLE signing_keys RENAME TO elsewhere"))
        for _ in range(3):
            assert await one.keys.signer_for("ES256") is signer
            clock.now += REFRESH / 4
        async with store.begin() as connection:
            await connection.execute(text("ALTER TABLE elsewhere RENAME TO signing_keys"))


async def test_a_store_that_is_away_stops_no_known_key_for_a_day(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one:
        known = await kid(one)
        async with store.begin() as connection:
            await connection.execute(text("ALTER TABLE signing_keys RENAME TO elsewhere"))
        with capture_logs() as logs:
            for _ in range(4):
                await one.settle()
                assert await kid(one) == known
                assert len(await one.keys.jwks_to_publish()) == 1
        assert {log["code"] for log in logs} == {"store_unavailable"}
        with pytest.raises(StoreUnavailable):
            await one.keys.signer_for("RS256")
        with pytest.raises(StoreUnavailable):
            await one.keys.rotate("ES256")
        with pytest.raises(StoreUnavailable):
            await one.keys.public_jwks()
        clock.now += STALE
        for call in (lambda: one.keys.signer_for("ES256"), one.keys.jwks_to_publish):
            with pytest.raises(StoreUnavailable, match="too long"):
                await call()
        async with store.begin() as connection:
            await connection.execute(text("ALTER TABLE elsewhere RENAME TO signing_keys"))
        clock.now += 60
        await one.settle()
        assert await kid(one) == known


async def test_a_key_by_hand_waits_and_the_next_one_waits_for_it(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one:
        first = await kid(one)
        made = await one.keys.rotate("ES256")
        assert made.active_at == clock.now + 900 + REFRESH
        with pytest.raises(SigningKeyError, match=f"{made.kid} is pending for ES256 already"):
            await one.keys.rotate("ES256")
        assert await kid(one) == first
        now = await one.keys.rotate("ES256", at_once=True)
        assert (now.kid, now.active_at) == (made.kid, clock.now + 1)
        clock.now += 1
        assert await kid(one) == made.kid
        with pytest.raises(SigningKeyError, match="no stored key for RS256"):
            await one.keys.rotate("RS256")


async def test_an_imported_key_waits_unless_it_is_the_first(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one:
        await kid(one)
        given = SigningKey.of(generate_key("ES256"), "ES256")
        times = await one.keys.add(given)
        assert times.active_at == clock.now + 900 + REFRESH
        with pytest.raises(SigningKeyError, match="there already"):
            await one.keys.add(given)
        assert (await one.keys.add(SigningKey.of(generate_key("Ed25519"), "Ed25519"))).active_at == clock.now
        clock.now += 1000
        await one.settle()
        assert await kid(one) == given.kid


async def test_a_token_verifies_with_every_replica_while_keys_rotate(store: Store, clock: Clock) -> None:
    async with replica(store, clock) as one, replica(store, clock) as other:
        for round_ in range(12):
            if round_ % 4 == 1:
                await one.keys.rotate("ES256")
            for each in (one, other):
                token = await each.sign(life=7 * DAY)
                assert await one.verifies(token)
                assert await other.verifies(token)
            clock.now += 310
        kids = {json.dumps(token.split(".")[0]) for token, _ in one.tokens + other.tokens}
        assert len(kids) == 3
        clock.now += 6 * DAY
        for token, _ in one.tokens + other.tokens:
            assert await one.verifies(token)
            assert await other.verifies(token)


async def test_private_keys_are_sealed_with_a_secret(store: Store, clock: Clock) -> None:
    async with replica(store, clock, seal=KeySeal(SECRET)) as one:
        sealed = await kid(one)
    (private,) = await column(store, "private_jwk")
    assert '"d"' not in str(private)
    assert await column(store, "seal") == [KeySeal(SECRET).id]
    async with replica(store, clock, seal=KeySeal(SECRET)) as again:
        assert await kid(again) == sealed


async def test_keys_in_clear_are_reported_once_and_sealed_at_the_next_start(store: Store, clock: Clock) -> None:
    with capture_logs() as logs:
        async with replica(store, clock) as one:
            await one.keys.prepare(["ES256"])
            known = await kid(one)
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == ["signing_keys_not_sealed"]
    async with replica(store, clock, seal=KeySeal(SECRET)) as sealed:
        assert await kid(sealed) == known
    (private,) = await column(store, "private_jwk")
    assert '"d"' not in str(private)


async def test_a_new_secret_seals_again_what_an_old_one_sealed(store: Store, clock: Clock) -> None:
    async with replica(store, clock, seal=KeySeal(SECRET)) as one:
        known = await kid(one)
        async with replica(store, clock, seal=KeySeal("another " + SECRET, [SECRET])) as other:
            assert await kid(other) == known
            await other.keys.rotate("ES256")
            # The one with the old secret publishes what it cannot open, and signs with what it has.
            assert len(await one.keys.jwks_to_publish()) == 2
            assert await kid(one) == known
    assert set(await column(store, "seal")) == {KeySeal("another " + SECRET).id}


@pytest.mark.parametrize(
    ("seal", "message"),
    [(None, r"is sealed; name the secret in store\.seal"), (KeySeal("another " + SECRET), r"store\.seal_old")],
)
async def test_a_secret_that_is_wrong_or_missing_is_told(
    store: Store, clock: Clock, seal: KeySeal | None, message: str
) -> None:
    async with replica(store, clock, seal=KeySeal(SECRET)) as one:
        await kid(one)
    keys = SigningKeys(store, seal=seal, clock=clock)
    with pytest.raises(SigningKeyError, match=message):
        await keys.prepare()
    await keys.aclose()


@pytest.mark.parametrize("change", ["substr(private_jwk, 1, 40)", "'AAAA'", "'ä'"])
async def test_a_sealed_key_that_was_changed_is_refused(store: Store, clock: Clock, change: str) -> None:
    async with replica(store, clock, seal=KeySeal(SECRET)) as one:
        await kid(one)
    async with store.begin() as connection:
        await connection.execute(text(f"UPDATE signing_keys SET private_jwk = {change}"))
    keys = SigningKeys(store, seal=KeySeal(SECRET), clock=clock)
    with pytest.raises(SigningKeyError, match="was changed since it was sealed"):
        await keys.prepare()
    await keys.aclose()


async def test_a_sealed_key_opens_in_its_own_row_only() -> None:
    seal = KeySeal(SECRET)
    box = seal.seal("text", kid="a")
    assert seal.open(box, kid="a", seal=seal.id) == "text"
    with pytest.raises(SigningKeyError, match="changed"):
        seal.open(box, kid="b", seal=seal.id)


async def test_keys_of_the_first_version_are_kept(store: Store, clock: Clock) -> None:
    key = SigningKey.of(generate_key("ES256"), "ES256")
    await store.migrate(PART, MIGRATIONS[:1])
    async with store.begin() as connection:
        await connection.execute(
            text("INSERT INTO signing_keys VALUES (:kid, 'ES256', :private, :created, 'active')"),
            {"kid": key.kid, "private": json.dumps(dict(key.private_jwk())), "created": int(clock.now - DAY)},
        )
    async with replica(store, clock, generate=none_is_needed) as one:
        assert await kid(one) == key.kid
        assert await one.verifies(await one.sign())
        assert [dict(jwk) for jwk in await one.keys.jwks_to_publish()] == [dict(key.public_jwk())]


def none_is_needed(algorithm: str) -> ec.EllipticCurvePrivateKey:
    raise AssertionError(f"a key for {algorithm} was made")
