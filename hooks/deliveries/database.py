"""What durable delivery needs of whoever keeps the database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], T]
"""Statements of a transaction, one after the other; runs in any thread, and does nothing else."""


class Database(Protocol):
    """An open SQLite or PostgreSQL database whose tables are up to date (see `MIGRATIONS`).

    All methods raise DatabaseUnavailable while it is away, full or locked.
    """

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction that is committed at the end, and rolled back when an exception leaves it."""
        ...

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        """Run work in a transaction of its own and return what it returns, once that is committed.

        Unless it is `durable`, the database need not wait for the disk: what is written outlives the process, and perhaps not the
        machine.
        """
        ...

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction that only reads."""
        ...


class Sealer(Protocol):
    """Makes stored text unreadable for who has the database alone."""

    @property
    def id(self) -> str:
        """What names the secret in the database and tells nothing of it; 32 characters at most."""
        ...

    def seal(self, text: str, *, place: str) -> str:
        """Encrypt a text for one place; in another it does not open."""
        ...

    def open(self, sealed: str, *, place: str, seal: str) -> str:
        """Decrypt what was sealed under the seal id; raises PayloadUnreadable."""
        ...

    def digest(self, text: str) -> bytes:
        """32 bytes that are the same for the same text, from which nobody without the secret finds it."""
        ...
