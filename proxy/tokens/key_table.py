"""The table of own keys: its statements, and the sealing of what is private in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    literal,
    null,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable, Index

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.store import Migration, Store
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.key_schedule import MEMORY, KeyTimes, removed
from hookpoint.proxy.tokens.key_seal import KeySeal
from hookpoint.proxy.tokens.private_keys import private_key
from hookpoint.proxy.tokens.signer import SigningKey

PART: Final = "tokens"
_LOCK: Final = "signing_keys"

_first = Table(
    "signing_keys",
    MetaData(),
    Column("kid", String(64), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("private_jwk", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("state", String(16), nullable=False),
)
_active = text("state = 'active'")
_one_active = Index(
    "signing_keys_active", _first.c.algorithm, unique=True, sqlite_where=_active, postgresql_where=_active
)


def _table(name: str) -> Table:
    return Table(
        name,
        MetaData(),
        Column("kid", String(64), primary_key=True),
        Column("algorithm", String(16), nullable=False),
        Column("public_jwk", Text),  # null in rows of the first version until they are read again
        Column("private_jwk", Text, nullable=False),
        Column("seal", String(16)),  # null where private_jwk is in clear
        Column("created_at", BigInteger, nullable=False),
        Column("active_at", BigInteger, nullable=False),
        Column("last_exp", BigInteger, nullable=False),
    )


_keys = _table("signing_keys")
_next = _table("signing_keys_next")
_copied = (_first.c.kid, _first.c.algorithm, null(), _first.c.private_jwk, null(), _first.c.created_at)

MIGRATIONS: Final[Sequence[Migration]] = (
    (CreateTable(_first), CreateIndex(_one_active)),
    (
        CreateTable(_next),
        insert(_next).from_select(list(_next.c), select(*_copied, _first.c.created_at.label("active_at"), literal(0))),
        DropTable(_first),
        text("ALTER TABLE signing_keys_next RENAME TO signing_keys"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A row: its times, its public half as it is published, and its private half, sealed where `seal` names a secret."""

    times: KeyTimes
    public_jwk: Mapping[str, object] | None
    private: str = field(repr=False)
    seal: str | None


class KeyTable:
    """The stored keys; all methods raise StoreUnavailable, and SigningKeyError where a key has to be opened and cannot."""

    def __init__(self, store: Store, seal: KeySeal | None = None) -> None:
        self._store = store
        self._seal = seal

    async def prepare(self) -> None:
        """Bring the table up to date, and seal what is in clear or under an older secret."""
        await self._store.migrate(PART, MIGRATIONS)
        async with self._store.begin(lock=_LOCK) as connection:
            for row in await _rows(connection):
                changes = self._improvements(row)
                if changes:
                    await connection.execute(update(_keys).where(_keys.c.kid == row.times.kid).values(changes))

    async def rows(self) -> Sequence[StoredKey]:
        """Return all keys, the oldest first."""
        async with self._store.read() as connection:
            return await _rows(connection)

    def open(self, row: StoredKey) -> SigningKey:
        """Return a stored key ready to sign; takes a moment."""
        try:
            return SigningKey.of(private_key(json.loads(self._text(row))), row.times.algorithm)
        except SigningKeyError as error:
            raise SigningKeyError(f"the stored key {row.times.kid} cannot be used: {error}") from None
        except ValueError:
            raise SigningKeyError(f"the stored key {row.times.kid} cannot be used: it is not JSON") from None

    async def add(
        self, key: SigningKey, *, created_at: float, active_at: Callable[[Sequence[KeyTimes]], int | None]
    ) -> KeyTimes | None:
        """Store a key if `active_at`, given the keys of its algorithm, says when it shall sign.

        However many processes do so at once, each sees what the one before has stored.
        """
        async with self._store.begin(lock=_LOCK) as connection:
            rows = [row.times for row in await _rows(connection)]
            if any(row.kid == key.kid for row in rows):
                return None
            begins = active_at([row for row in rows if row.algorithm == key.algorithm.name])
            if begins is None:
                return None
            times = KeyTimes(kid=key.kid, algorithm=key.algorithm.name, created_at=int(created_at), active_at=begins)
            await connection.execute(insert(_keys).values(self._columns(times, key)))
            return times

    async def activate(self, kid: str, at: float) -> None:
        """Let a key sign from a time on."""
        async with self._store.begin(lock=_LOCK) as connection:
            await connection.execute(update(_keys).where(_keys.c.kid == kid).values(active_at=int(at)))

    async def note_expiries(self, expiries: Mapping[str, int]) -> None:
        """Remember the latest `exp` that each kid has signed."""
        later = update(_keys).where(_keys.c.kid == bindparam("which"), _keys.c.last_exp < bindparam("exp"))
        async with self._store.begin() as connection:
            rows = [{"which": kid, "exp": exp} for kid, exp in sorted(expiries.items())]
            await connection.execute(later.values(last_exp=bindparam("exp")), rows)

    async def clear_away(self, now: float) -> Collection[str]:
        """Erase the private halves of removed keys, and forget the public ones in the end; return the kids concerned."""
        async with self._store.begin(lock=_LOCK) as connection:
            rows = await _rows(connection)
            times = [row.times for row in rows]
            forgotten = removed(times, now, age=MEMORY)
            erased = removed(times, now) & {row.times.kid for row in rows if row.private} - forgotten
            await connection.execute(delete(_keys).where(_keys.c.kid.in_(sorted(forgotten))))
            blank = update(_keys).where(_keys.c.kid.in_(sorted(erased)))
            await connection.execute(blank.values(private_jwk="", seal=None))
            return erased | forgotten

    def _text(self, row: StoredKey) -> str:
        if row.seal is None:
            return row.private
        if self._seal is None:
            raise SigningKeyError("it is sealed; name the secret in store.seal")
        return self._seal.open(row.private, kid=row.times.kid, seal=row.seal)

    def _improvements(self, row: StoredKey) -> dict[str, object]:
        changes: dict[str, object] = {}
        if row.public_jwk is None:
            changes["public_jwk"] = write_json(self.open(row).public_jwk()).decode()
        if self._seal is not None and row.private and row.seal != self._seal.id:
            sealed = self._seal.seal(self._text(row), kid=row.times.kid)
            changes |= {"private_jwk": sealed, "seal": self._seal.id}
        return changes

    def _columns(self, times: KeyTimes, key: SigningKey) -> dict[str, object]:
        private = write_json(key.private_jwk()).decode()
        return {
            "kid": times.kid,
            "algorithm": times.algorithm,
            "public_jwk": write_json(key.public_jwk()).decode(),
            "private_jwk": private if self._seal is None else self._seal.seal(private, kid=times.kid),
            "seal": None if self._seal is None else self._seal.id,
            "created_at": times.created_at,
            "active_at": times.active_at,
            "last_exp": times.last_exp,
        }


async def _rows(connection: AsyncConnection) -> Sequence[StoredKey]:
    rows = await connection.execute(select(_keys).order_by(_keys.c.created_at, _keys.c.active_at, _keys.c.kid))
    return [
        StoredKey(
            times=KeyTimes(
                kid=row.kid,
                algorithm=row.algorithm,
                created_at=row.created_at,
                active_at=row.active_at,
                last_exp=row.last_exp,
            ),
            public_jwk=None if row.public_jwk is None else json.loads(row.public_jwk),
            private=row.private_jwk,
            seal=row.seal,
        )
        for row in rows
    ]
