"""The secret that goes into every hash of a number, an address or an id."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from sqlalchemy import select

from hookpoint.proxy.sms.tables import peppers
from hookpoint.proxy.store import Store, conflict_insert

_BYTES: Final = 32
_NAME: Final = "own"


async def stored_pepper(store: Store, *, random_bytes: Callable[[int], bytes] = os.urandom) -> bytes:
    """The pepper that this store has; made when it has none, by whichever process comes first. Raises StoreUnavailable."""
    async with store.begin() as connection:
        statement = conflict_insert(connection, peppers).values(name=_NAME, pepper=random_bytes(_BYTES))
        await connection.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
        pepper: bytes = (await connection.execute(select(peppers.c.pepper).where(peppers.c.name == _NAME))).scalar_one()
    return pepper
