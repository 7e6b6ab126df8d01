"""What became of messages after they were sent: a record for each, found by the vendor's id."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import delete, select, update

from hookpoint.providers import Kind, Receipt, Status, StatusUpdate
from hookpoint.proxy.sms.tables import messages
from hookpoint.proxy.store import Store, upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """A message that was sent; times are in seconds since 1970, `provider_code` is the vendor's reason, if it gave one."""

    provider: str
    kind: str
    country: str
    status: Status
    provider_code: str
    sent_at: int
    updated_at: int


class Told(Enum):
    """What a report of a provider said."""

    NEWS = auto()
    NOTHING_NEW = auto()
    OF_NOBODY = auto()
    """It was about no message that is known here."""


class MessageRecords:
    """Keeps a record for `keep` seconds. All methods raise StoreUnavailable; `clock` is in seconds since 1970."""

    def __init__(self, store: Store, *, pepper: bytes, keep: float, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._pepper = pepper
        self._keep = keep
        self._clock = clock

    async def add(self, receipt: Receipt, *, kind: Kind, country: str) -> None:
        """Remember a message that a provider has just taken."""
        now = int(self._clock())
        row = {
            "id": self._id(receipt.provider, receipt.id),
            "provider": receipt.provider[:64],
            "kind": kind,
            "country": country,
            "status": receipt.status.value,
            "provider_code": "",
            "sent_at": now,
            "updated_at": now,
            "expires_at": int(now + self._keep),
        }
        async with self._store.begin() as connection:
            await upsert(connection, messages, [row])

    async def update(self, later: StatusUpdate) -> Told:
        """Take a later status over; returns what it said.

        A final status stays: vendors repeat reports, and deliver them in any order.
        """
        final = [status.value for status in Status if status.final]
        changed = (
            update(messages)
            .where(messages.c.id == self._id(later.provider, later.id))
            .where(messages.c.status != later.status.value)
            .where(messages.c.status.not_in(final))
            .values(
                status=later.status.value,
                provider_code=later.provider_code[:64],
                updated_at=int(self._clock()),
            )
        )
        async with self._store.begin() as connection:
            if (await connection.execute(changed)).rowcount:
                return Told.NEWS
            known = select(messages.c.id).where(messages.c.id == self._id(later.provider, later.id))
            return Told.NOTHING_NEW if (await connection.scalar(known)) is not None else Told.OF_NOBODY

    async def find(self, provider: str, id: str) -> MessageRecord | None:  # noqa: A002 - the vendor's word
        """The record of a message, by the vendor's id; None when there is none, or no longer."""
        query = select(messages).where(
            messages.c.id == self._id(provider, id), messages.c.expires_at > int(self._clock())
        )
        async with self._store.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        return MessageRecord(
            provider=row["provider"],
            kind=row["kind"],
            country=row["country"],
            status=Status(row["status"]),
            provider_code=row["provider_code"],
            sent_at=row["sent_at"],
            updated_at=row["updated_at"],
        )

    async def purge(self) -> None:
        """Forget what has expired."""
        async with self._store.begin() as connection:
            await connection.execute(delete(messages).where(messages.c.expires_at <= int(self._clock())))

    def _id(self, provider: str, id_: str) -> bytes:
        return hmac.digest(self._pepper, f"sms message\0{provider}\0{id_}".encode(), "sha256")
