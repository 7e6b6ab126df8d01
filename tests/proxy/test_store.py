from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable, Index
from structlog.testing import capture_logs

from hookpoint.proxy.store import (
    Migration,
    Store,
    StoreError,
    StoreSchemaTooNew,
    StoreUnavailable,
    StoreUrlInvalid,
    open_store,
    upsert,
)

if TYPE_CHECKING:
    from pathlib import Path

notes = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("note", String, nullable=False))
FIRST: Migration = (CreateTable(notes), insert(notes).values(note="first"))
SECOND: Migration = (text("ALTER TABLE notes ADD COLUMN color TEXT"), CreateIndex(Index("notes_by_note", notes.c.note)))


async def count(store: Store) -> int:
    async with store.read() as connection:
        return await connection.scalar(select(func.count()).select_from(notes)) or 0


def modes(folder: Path) -> dict[str, str]:
    return {file.name: f"{file.stat().st_mode & 0o777:o}" for file in folder.iterdir()}


def no_table(name: str) -> str:
    return f'no such table: {name}|relation "{name}" does not exist'


async def add_and_fail(store: Store) -> None:
    async with store.begin() as connection:
        await connection.execute(insert(notes).values(note="second"))
        raise RuntimeError("changed my mind")


async def add_twice(store: Store) -> None:
    async with store.begin() as connection:
        await connection.execute(insert(notes).values(id=9, note="x"))
        await connection.execute(insert(notes).values(id=9, note="y"))


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'store.db'}"


async def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with capture_logs() as logs:
        store = await open_store(f"sqlite:///{path}")
        await store.migrate("notes", [FIRST])
    assert modes(tmp_path) == {
        "store.db": "600",
        "store.db-wal": "600",
        "store.db-shm": "600",
    }
    assert logs == []
    await store.aclose()


async def test_a_file_that_others_can_read_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch(mode=0o644)
    with capture_logs() as logs:
        store = await open_store(f"sqlite:///{path}")
    await store.aclose()
    assert [(log["event"], log["mode"]) for log in logs] == [("store_file_open_to_others", "0644")]


async def test_a_connection_has_the_settings_a_server_needs(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    async with store.read() as connection:
        found = {
            pragma: await connection.scalar(text(f"PRAGMA {pragma}"))
            for pragma in ("journal_mode", "busy_timeout", "foreign_keys")
        }
    await store.aclose()
    assert found == {"journal_mode": "wal", "busy_timeout": 5000, "foreign_keys": 1}


async def test_migrations_run_forward_and_once(store_url: str) -> None:
    url = store_url
    for migrations in ([FIRST], [FIRST], [FIRST, SECOND], [FIRST, SECOND]):
        store = await open_store(url)
        await store.migrate("notes", migrations)
        await store.migrate("nothing", [])
        assert await count(store) == 1
        await store.aclose()
    store = await open_store(url)
    async with store.read() as connection:
        assert await connection.scalar(text("SELECT color FROM notes")) is None
        assert await connection.scalar(text("SELECT version FROM schema_versions WHERE part = 'notes'")) == 2
    await store.aclose()


async def test_a_migration_that_fails_leaves_nothing(store_url: str) -> None:
    store = await open_store(store_url)
    with pytest.raises(StoreUnavailable, match=no_table("missing")):
        await store.migrate("notes", [(*FIRST, text("INSERT INTO missing VALUES (1)"))])
    with pytest.raises(StoreUnavailable, match=no_table("notes")):
        await count(store)
    await store.migrate("notes", [FIRST])
    assert await count(store) == 1
    await store.aclose()


async def test_a_schema_of_a_later_version_is_refused(store_url: str) -> None:
    store = await open_store(store_url)
    await store.migrate("notes", [FIRST, SECOND])
    with pytest.raises(StoreSchemaTooNew, match="'notes' have version 2, this program knows 1 at most"):
        await store.migrate("notes", [FIRST])
    await store.aclose()


async def test_a_transaction_that_fails_leaves_nothing(any_url: str) -> None:
    store = await open_store(any_url)
    await store.migrate("notes", [FIRST])
    with pytest.raises(RuntimeError, match="changed my mind"):
        await add_and_fail(store)
    assert await count(store) == 1
    await store.aclose()


async def test_transactions_at_the_same_time_all_succeed(any_url: str) -> None:
    store = await open_store(any_url)
    await store.migrate("notes", [FIRST])

    async def add() -> None:
        async with store.begin(lock="notes") as connection:
            known = await connection.scalar(select(func.count()).select_from(notes))
            await connection.execute(insert(notes).values(note=str(known)))

    await asyncio.gather(*(add() for _ in range(20)))
    async with store.read() as connection:
        found = list(await connection.scalars(select(notes.c.note).order_by(notes.c.id)))
    await store.aclose()
    assert found == ["first", *(str(number) for number in range(1, 21))]


async def test_cancelled_transactions_lose_nothing(any_url: str) -> None:
    store = await open_store(any_url)
    await store.migrate("notes", [FIRST])
    for steps in range(40):
        reading, writing = asyncio.create_task(count(store)), asyncio.create_task(add_and_fail(store))
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        writing.cancel()
        await asyncio.wait([reading, writing])
    assert await count(store) == 1
    await store.aclose()


async def test_databases_in_memory_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = await open_store("sqlite://"), await open_store("sqlite:///:memory:")
    await one.migrate("notes", [FIRST])
    with pytest.raises(StoreUnavailable, match="no such table"):
        await count(other)
    await one.aclose()
    await other.aclose()
    assert modes(tmp_path) == {}


OPEN_AND_MIGRATE = """
import asyncio, sys
from sqlalchemy import text
from hookpoint.proxy.store import open_store

async def main():
    sys.stdin.readline()
    store = await open_store(sys.argv[1])
    await store.migrate("notes", [
        (
            text("CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT)"),
            text("INSERT INTO notes(id, note) VALUES (1, 'first')"),
        ),
        (text("INSERT INTO notes(id, note) VALUES (2, 'second')"),),
    ])
    await store.aclose()

asyncio.run(main())
"""


def run_at_once(url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_MIGRATE, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors


async def test_T25_processes_that_start_at_once_migrate_once(store_url: str) -> None:
    await asyncio.to_thread(run_at_once, store_url)
    store = await open_store(store_url)
    assert await count(store) == 2
    await store.aclose()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hookpoint.db", "cannot be read"),
        ("", "cannot be read"),
        ("mysql://user:secret@db/x", "'mysql' is no store"),
        ("sqlite+pysqlite:///x.db", "'sqlite\\+pysqlite' is no store"),
        ("sqlite://a:b:c/x.db", "cannot be read"),
        ("sqlite://host/x.db", "three slashes"),
        ("sqlite:///x.db?mode=ro", "three slashes"),
    ],
)
async def test_a_url_that_cannot_be_used_is_explained(url: str, message: str) -> None:
    with pytest.raises(StoreUrlInvalid, match=message) as caught:
        await open_store(url)
    assert "secret" not in str(caught.value)
    assert caught.value.code == "store_url"


async def test_a_folder_that_is_missing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"missing/store\.db cannot be opened: No such file or directory"):
        await open_store(f"sqlite:///{tmp_path}/missing/store.db")


async def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreError, match="not a database") as caught:
        await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    assert caught.value.code == "store_unavailable"


async def test_what_only_reads_cannot_write(any_url: str) -> None:
    store = await open_store(any_url)
    await store.migrate("notes", [FIRST])
    with pytest.raises(StoreUnavailable, match=r"read-?only"):
        async with store.read() as connection:
            await connection.execute(insert(notes).values(note="second"))
    async with store.begin() as connection:
        await connection.execute(insert(notes).values(note="third"))
    assert await count(store) == 2
    await store.aclose()


async def test_a_transaction_that_reads_sees_one_state(store_url: str) -> None:
    store = await open_store(store_url)
    await store.migrate("notes", [FIRST])
    async with store.read() as connection:
        before = await connection.scalar(select(func.count()).select_from(notes))
        async with store.begin() as other:
            await other.execute(insert(notes).values(note="second"))
        assert await connection.scalar(select(func.count()).select_from(notes)) == before
    assert await count(store) == 2
    await store.aclose()


async def test_rows_replace_rows_with_the_same_key(any_url: str) -> None:
    store = await open_store(any_url)
    await store.migrate("notes", [FIRST, SECOND])
    for rows in ([(1, "one"), (2, "two")], [(2, "deux"), (3, "trois"), (3, "drei")], []):
        async with store.begin() as connection:
            await upsert(connection, notes, [{"id": key, "note": note} for key, note in rows])
    async with store.read() as connection:
        found = [tuple(row) for row in await connection.execute(select(notes).order_by(notes.c.id))]
    await store.aclose()
    assert found == [(1, "one"), (2, "deux"), (3, "drei")]


async def test_rows_that_are_nothing_but_key_stay(any_url: str) -> None:
    marks = Table("marks", MetaData(), Column("id", Integer, primary_key=True, autoincrement=False))
    store = await open_store(any_url)
    await store.migrate("marks", [[CreateTable(marks)]])
    for _ in range(2):
        async with store.begin() as connection:
            await upsert(connection, marks, [{"id": 7}])
    async with store.read() as connection:
        assert list(await connection.scalars(select(marks.c.id))) == [7]
    await store.aclose()


async def test_rows_that_clash_are_told_apart_from_a_store_that_fails(any_url: str) -> None:
    store = await open_store(any_url)
    await store.migrate("notes", [FIRST])
    with pytest.raises(IntegrityError):
        await add_twice(store)
    assert await count(store) == 1
    await store.aclose()


async def test_a_transaction_in_one_piece_is_written_as_a_whole_or_not_at_all(any_url: str) -> None:
    store = await open_store(any_url)
    await store.migrate("notes", [FIRST])

    def add(connection: Connection) -> int:
        connection.execute(insert(notes).values(note="second"))
        return connection.scalar(select(func.count()).select_from(notes)) or 0

    def add_and_fail(connection: Connection) -> int:
        raise LookupError(add(connection))

    assert await store.write(add) == 2
    assert await store.write(add, durable=False) == 3
    with pytest.raises(LookupError, match="4"):
        await store.write(add_and_fail)
    with pytest.raises(StoreUnavailable):
        await store.write(lambda connection: connection.execute(text("SELECT nothing FROM nowhere")))
    assert await store.write(add) == 4
    assert await count(store) == 4
    await store.aclose()
