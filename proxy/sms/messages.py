"""What became of messages after they were sent: a record for each, found by the vendor's id."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import delete, select, update

from hookpoint.providers import Kind, Receipt, Status, StatusUpdate
from hookpoint.providers.counters import Charge
from hookpoint.proxy.sms.tables import message_charges, messages
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a message has counted at a time, in seconds since 1970, and is given back if it is not delivered."""

    charges: tuple[Charge, ...]
    at: float


class MessageRecords:
    """Keeps a record for `keep` seconds. All methods raise StoreUnavailable; `clock` is in seconds since 1970."""

    def __init__(self, store: Store, *, pepper: bytes, keep: float, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._pepper = pepper
        self._keep = keep
        self._clock = clock

    async def add(self, receipt: Receipt, *, kind: Kind, country: str, counted: Counted | None = None) -> None:
        """Remember a message that a provider has just taken, and what it has counted."""
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
            if counted is not None and counted.charges and not receipt.status.final:
                await upsert(connection, message_charges, [{"id": row["id"], **_counted_row(counted)}])

    async def settle(self, later: StatusUpdate) -> Counted | None:
        """Forget what a message has counted, now that its last status is known, and return it; None the second time."""
        mine = message_charges.c.id == self._id(later.provider, later.id)
        taken = delete(message_charges).where(mine).returning(message_charges.c.charges, message_charges.c.counted_at)
        async with self._store.begin() as connection:
            row = (await connection.execute(taken)).one_or_none()
        return None if row is None else _counted(row[0], row[1])

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
            for table in (messages, message_charges):
                await connection.execute(delete(table).where(table.c.expires_at <= int(self._clock())))

    def _id(self, provider: str, id_: str) -> bytes:
        return hmac.digest(self._pepper, f"sms message\0{provider}\0{id_}".encode(), "sha256")


def _counted_row(counted: Counted) -> dict[str, object]:
    charges = [[each.key, each.window, each.calendar, each.amount] for each in counted.charges]
    at = int(counted.at)
    longest = max(each.window for each in counted.charges)
    return {"charges": json.dumps(charges), "counted_at": at, "expires_at": at + longest}


def _counted(charges: str, at: int) -> Counted:
    # To be added as they are: what they are limited to is of no matter.
    return Counted(
        charges=tuple(
            Charge(name="", key=key, limit=0, window=window, calendar=calendar, amount=amount)
            for key, window, calendar, amount in json.loads(charges)
        ),
        at=at,
    )
