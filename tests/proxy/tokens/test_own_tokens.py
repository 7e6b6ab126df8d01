"""Recognising own tokens, over a store that other processes write to as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.store import Store, StoreUnavailable, open_store
from hookpoint.proxy.tokens.compact import encode_segment
from hookpoint.proxy.tokens.own_tokens import OwnTokens
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.vault.kinds import ACCESS, ID
from hookpoint.proxy.vault.tables import records
from hookpoint.proxy.vault.vault import Vault
from tests.proxy.tokens.issuer import CLAIMS, NOW

LIKE_OURS = encode_segment(write_json({"alg": "ES256", "kid": "k" * 43})).decode()


class CountedKeys:
    """Own keys, how often they were read, and a store that may be gone."""

    def __init__(self, keys: SigningKeys) -> None:
        self.keys = keys
        self.reads = 0
        self.gone = False

    async def public_jwks(self) -> Sequence[Mapping[str, object]]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.gone:
            raise StoreUnavailable("gone")
        return await self.keys.public_jwks()


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = await open_store("sqlite://")
    yield store
    await store.aclose()


@pytest.fixture
async def keys(store: Store) -> AsyncIterator[CountedKeys]:
    keys = SigningKeys(store, clock=Clock())
    await keys.prepare()
    yield CountedKeys(keys)
    await keys.aclose()


@pytest.fixture
async def vault(store: Store) -> Vault:
    vault = Vault(store, clock=Clock())
    await vault.prepare()
    return vault


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(keys: CountedKeys, vault: Vault, clock: Clock) -> OwnTokens:
    return OwnTokens(keys, vault, clock=clock)


async def issue(keys: SigningKeys, vault: Vault, kind: str = ACCESS, **changes: object) -> str:
    token = await (await keys.signer_for("ES256")).sign({"typ": "at+jwt"}, write_json({**CLAIMS, **changes}))
    await vault.put(kind, token, b"the original", expires_at=NOW + 7200)
    return token


async def test_a_good_token_leads_to_its_original(keys: CountedKeys, vault: Vault, tokens: OwnTokens) -> None:
    token = await issue(keys.keys, vault)
    found = await tokens.find(token)
    assert (found.state, found.original, found.good_original) == ("good", "the original", "the original")
    assert found.claims == CLAIMS
    assert "original" not in repr(found)


async def test_a_key_that_another_process_made_is_found(
    store: Store, keys: CountedKeys, vault: Vault, tokens: OwnTokens
) -> None:
    await tokens.find(await issue(keys.keys, vault))
    other = SigningKeys(store, clock=Clock())
    await other.prepare()
    signer = await other.signer_for("Ed25519")
    token = await signer.sign({"typ": "at+jwt"}, write_json(CLAIMS))
    await vault.put(ACCESS, token, b"another original", expires_at=NOW + 60)
    assert (await tokens.find(token)).original == "another original"
    await other.aclose()


async def test_what_is_not_good_has_no_usable_original(keys: CountedKeys, vault: Vault, tokens: OwnTokens) -> None:
    expired = await issue(keys.keys, vault, exp=NOW)
    denied = await issue(keys.keys, vault, jti="denied")
    await vault.deny("denied", expires_at=NOW + 60)
    unmapped = await issue(keys.keys, vault, ID)
    header, payload, signature = unmapped.split(".")
    for token, state in (
        (expired, "expired"),
        (denied, "denied"),
        (unmapped, "unmapped"),
        (f"{header}.{payload}.", "forged"),
        (f"{header}.{payload}.{'A' * len(signature)}", "forged"),
        (f"{header}.{payload}.{signature}=", "forged"),
        (f"{header}.{payload}", "forged"),
        (f"{header}.{encode_segment(write_json({**CLAIMS, 'sub': 'x'})).decode()}.{signature}", "forged"),
    ):
        found = await tokens.find(token)
        assert (found.state, found.good_original, found.is_ours) == (state, None, True)
    assert (await tokens.find(unmapped, ID)).state == "good"


async def test_a_denial_counts_at_once(keys: CountedKeys, vault: Vault, tokens: OwnTokens) -> None:
    token = await issue(keys.keys, vault)
    assert (await tokens.find(token)).state == "good"
    await vault.deny(str(CLAIMS["jti"]), expires_at=NOW + 60)
    assert (await tokens.find(token)).state == "denied"


async def test_a_token_ends_though_its_signature_is_remembered(
    keys: CountedKeys, vault: Vault, tokens: OwnTokens, clock: Clock
) -> None:
    token = await issue(keys.keys, vault, exp=NOW + 2)
    assert (await tokens.find(token)).state == "good"
    clock.now += 2
    assert (await tokens.find(token)).state == "expired"


async def test_a_record_that_was_tampered_with_is_none(
    store: Store, keys: CountedKeys, vault: Vault, tokens: OwnTokens
) -> None:
    token = await issue(keys.keys, vault)
    async with store.begin() as connection:
        await connection.execute(records.update().values(box=b"\x00" * 60))
    assert (await tokens.find(token)).state == "unmapped"


@pytest.mark.parametrize(
    "token",
    ["opaque", "", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "eyJraWQiOjF9.e30.AAAA", "eyJ" + "A" * 5000 + ".e30.A"],
)
async def test_most_tokens_are_foreign_without_a_look_into_the_store(
    keys: CountedKeys, tokens: OwnTokens, clock: Clock, token: str
) -> None:
    keys.gone = True
    assert (await tokens.find(token)).state == "not_ours"
    clock.now += 61
    assert (await tokens.find(token)).state == "not_ours"
    assert tokens.surely_foreign(token.partition(".")[0])
    assert keys.reads == 0


async def test_a_foreign_key_is_looked_up_once_a_minute(keys: CountedKeys, tokens: OwnTokens, clock: Clock) -> None:
    found = await asyncio.gather(*(tokens.find(f"{LIKE_OURS}.e30.A{number}") for number in range(20)))
    assert {each.state for each in found} == {"not_ours"}
    assert keys.reads <= 2
    keys.reads = 0
    await tokens.find(f"{LIKE_OURS}.e30.A")
    assert keys.reads == 0
    clock.now += 61
    await tokens.find(f"{LIKE_OURS}.e30.A")
    assert keys.reads == 1


async def test_T17_nobody_is_foreign_because_the_store_is_down(
    keys: CountedKeys, tokens: OwnTokens, clock: Clock
) -> None:
    keys.gone = True
    found = await asyncio.gather(*(tokens.find(f"{LIKE_OURS}.e30.A") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, StoreUnavailable) for each in found)
    keys.gone = False
    assert (await tokens.find(f"{LIKE_OURS}.e30.A")).state == "not_ours"
    keys.gone = True
    clock.now += 3600
    # What was foreign before stays so: the server's own tokens pass while the store is down.
    assert (await tokens.find(f"{LIKE_OURS}.e30.A")).state == "not_ours"


async def test_many_foreign_headers_do_not_pile_up(tokens: OwnTokens) -> None:
    for number in range(3000):
        assert tokens.surely_foreign(encode_segment(write_json({"kid": str(number)})).decode())
    assert len(tokens._headers._foreign) <= 1024
