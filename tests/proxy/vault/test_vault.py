"""Sealed records, the deny-list and locks."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.proxy.store import Store, StoreUnavailable, open_store
from hookpoint.proxy.vault.locks import Locks, LockTimeout
from hookpoint.proxy.vault.sealing import Seal, SealBroken
from hookpoint.proxy.vault.vault import Vault

SECRET = "eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiJhIn0.made-up-signature-of-a-token"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = await open_store(store_url)
    yield store
    await store.aclose()


@pytest.fixture
async def in_file(tmp_path: Path, clock: Clock) -> AsyncIterator[Vault]:
    store = await open_store(f"sqlite:///{tmp_path / 'vault.db'}")
    vault = Vault(store, clock=clock)
    await vault.prepare()
    yield vault
    await store.aclose()


@pytest.fixture
async def vault(store: Store, clock: Clock) -> Vault:
    vault = Vault(store, clock=clock)
    await vault.prepare()
    return vault


@given(secret=st.text(min_size=1), value=st.binary())
def test_what_is_sealed_opens_with_its_secret_only(secret: str, value: bytes) -> None:
    box = Seal.of("token", secret).close(value)
    assert Seal.of("token", secret).open(box) == value
    for other in (Seal.of("token", secret + "x"), Seal.of("refresh", secret)):
        with pytest.raises(SealBroken):
            other.open(box)


@given(position=st.integers(min_value=0, max_value=40), bit=st.integers(min_value=0, max_value=7))
def test_a_changed_box_does_not_open(position: int, bit: int) -> None:
    box = bytearray(Seal.of("token", SECRET).close(b"thirteen byte"))
    box[position] ^= 1 << bit
    with pytest.raises(SealBroken):
        Seal.of("token", SECRET).open(bytes(box))


async def test_a_record_is_found_until_it_expires(vault: Vault, clock: Clock) -> None:
    await vault.put("token", SECRET, b"original", expires_at=clock.now + 60)
    assert await vault.get("token", SECRET) == b"original"
    assert await vault.get("refresh", SECRET) is None
    clock.now += 61
    assert await vault.get("token", SECRET) is None
    assert await vault.purge() == 1


async def test_a_record_is_replaced_and_removed(vault: Vault, clock: Clock) -> None:
    await vault.put("token", SECRET, b"one", expires_at=clock.now + 60)
    await vault.put("token", SECRET, b"two", expires_at=clock.now + 60)
    assert await vault.get("token", SECRET) == b"two"
    await vault.remove("token", SECRET)
    assert await vault.get("token", SECRET) is None


async def test_writes_at_the_same_time_are_all_kept(vault: Vault, clock: Clock) -> None:
    await asyncio.gather(
        *(vault.put("token", f"{SECRET}{n}", str(n).encode(), expires_at=clock.now + 60) for n in range(1000))
    )
    assert await vault.get("token", f"{SECRET}0") == b"0"
    assert await vault.get("token", f"{SECRET}999") == b"999"


async def test_a_writer_who_leaves_takes_nobody_along(vault: Vault, clock: Clock) -> None:
    writes = [
        asyncio.create_task(vault.put("token", f"{SECRET}{n}", b"x", expires_at=clock.now + 60)) for n in range(20)
    ]
    await asyncio.sleep(0)
    writes[0].cancel()
    writes[7].cancel()
    done = await asyncio.gather(*writes, return_exceptions=True)
    assert [n for n, each in enumerate(done) if each is not None] == [0, 7]
    assert await vault.get("token", f"{SECRET}19") == b"x"


async def test_a_failed_write_reaches_every_writer_and_the_next_one_works(
    in_file: Vault, clock: Clock, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "vault.db") as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON vault_records BEGIN SELECT RAISE(ABORT, 'full'); END")
    failed = await asyncio.gather(
        *(in_file.put("token", f"{SECRET}{n}", b"x", expires_at=clock.now + 60) for n in range(5)),
        return_exceptions=True,
    )
    assert len(failed) == 5
    assert all(isinstance(each, Exception) for each in failed)
    with sqlite3.connect(tmp_path / "vault.db") as database:
        database.execute("DROP TRIGGER full")
    await in_file.put("token", SECRET, b"x", expires_at=clock.now + 60)
    assert await in_file.get("token", SECRET) == b"x"


async def test_a_store_that_is_gone_is_not_an_empty_one(tmp_path: Path, clock: Clock) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gone.db'}")
    vault = Vault(store, clock=clock)
    await vault.prepare()
    await vault.put("token", SECRET, b"x", expires_at=clock.now + 60)
    await store.aclose()
    for each in tmp_path.iterdir():
        each.unlink()
    tmp_path.rmdir()
    for work in (vault.get("token", SECRET), vault.is_denied("a"), vault.deny("a", expires_at=clock.now + 1)):
        with pytest.raises(StoreUnavailable):
            await work
    tmp_path.mkdir()


async def test_a_denied_token_stays_denied_for_its_life(vault: Vault, clock: Clock) -> None:
    assert not await vault.is_denied("jti-1")
    await vault.deny("jti-1", expires_at=clock.now + 60)
    await vault.deny("jti-1", expires_at=clock.now + 60)
    assert await vault.is_denied("jti-1")
    assert not await vault.is_denied("jti-2")
    clock.now += 61
    assert await vault.purge() == 1
    assert not await vault.is_denied("jti-1")


async def test_the_database_alone_holds_no_token(in_file: Vault, clock: Clock, tmp_path: Path) -> None:
    original = "eyJ-the-original-token-of-the-server"
    await in_file.put("token", SECRET, original.encode(), expires_at=clock.now + 60)
    await in_file.deny("jti-in-clear", expires_at=clock.now + 60)
    stolen = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for text in (SECRET, original, SECRET.rpartition(".")[2], "jti-in-clear"):
        assert text.encode() not in stolen


async def test_a_lock_has_one_holder_at_a_time(store: Store, vault: Vault) -> None:
    locks = [Locks(store), Locks(store)]  # as two processes have them
    holding = 0
    most = 0

    async def work(n: int) -> None:
        nonlocal holding, most
        async with locks[n % 2].hold("refresh-token", timeout=10):
            holding += 1
            most = max(most, holding)
            await asyncio.sleep(0.001)
            holding -= 1

    await asyncio.gather(*(work(n) for n in range(20)))
    assert most == 1


async def test_a_lock_that_is_not_free_in_time_says_so(store: Store, vault: Vault) -> None:
    async with Locks(store).hold("a", timeout=1):
        with pytest.raises(LockTimeout):
            async with Locks(store).hold("a", timeout=0.05):
                pytest.fail("held twice")
        async with Locks(store).hold("b", timeout=1):
            pass


async def test_a_lock_of_a_dead_process_runs_out(store: Store, vault: Vault, clock: Clock) -> None:
    dead = Locks(store, lease=30, clock=clock).hold("a", timeout=1)
    await dead.__aenter__()
    clock.now += 31
    async with Locks(store, lease=30, clock=clock).hold("a", timeout=1):
        await dead.__aexit__(None, None, None)  # and does not release what is another's by now
        with pytest.raises(LockTimeout):
            async with Locks(store, lease=30, clock=clock).hold("a", timeout=0):
                pytest.fail("held twice")


async def test_a_lock_is_kept_for_as_long_as_its_holder_lives(store: Store, vault: Vault) -> None:
    async with Locks(store, lease=0.15).hold("a", timeout=1):
        await asyncio.sleep(0.5)
        with pytest.raises(LockTimeout):
            async with Locks(store, lease=0.15).hold("a", timeout=0.05):
                pytest.fail("held twice")
