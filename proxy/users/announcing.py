"""Brackets a call to the server with an event's intent and its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from hookpoint.proxy.store import StoreError
from hookpoint.proxy.users.deliveries import Announced, Outbox
from hookpoint.proxy.users.edits import HalfDone
from hookpoint.proxy.users.outcomes import Verdict

_PAUSES: Final = (0.05, 0.2, 0.5, 0.0)  # seconds after each attempt to record what the server did
_NOT_RECORDED: Final = "The server has done it, but that cannot be recorded at the moment"

log = structlog.get_logger(__name__)


class Announcement:
    """One event on its way: kept before the server is asked, and settled or withdrawn when it has answered."""

    def __init__(self, outbox: Outbox, event: Announced) -> None:
        self._outbox = outbox
        self._event = event

    @property
    def id(self) -> str:
        """The id of the event."""
        return self._event.id

    async def keep(self, subject: str, lookup: Mapping[str, str]) -> None:
        """Keep it; raises StoreError, and then the server must not be asked."""
        await self._outbox.intend(self._event, subject=subject, lookup=lookup)

    async def conclude(self, verdict: Verdict, event: Callable[[], Announced]) -> None:
        """Record what the server did; `event` is the event as it is known now.

        Raises HalfDone when a success cannot be recorded: the client must not be told of it, and the intent stays.
        """
        if verdict is Verdict.DONE:
            await self._settle(event())
            return
        if verdict is Verdict.UNKNOWN:
            log.warning("outcome_unknown", event_id=self._event.id, event_kind=type(self._event).__name__)
            return
        try:
            await self._outbox.withdraw(self._event.id)
        except StoreError as error:
            log.error("event_not_withdrawn", code=error.code, event_id=self._event.id, reason=str(error))

    async def _settle(self, event: Announced) -> None:
        for pause in _PAUSES:
            try:
                await self._outbox.settle(event)
            except StoreError as error:
                log.warning("event_not_settled", code=error.code, event_id=event.id, reason=str(error))
                await asyncio.sleep(pause)
            else:
                return
        raise HalfDone("the event could not be settled", status=503, told=_NOT_RECORDED)
