"""Finding out what became of a call whose process ended before it could tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from hookpoint.hooks.deliveries.payload import DurableEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A call that began at `began` (UTC) and of whose end nothing is known; `event` and `lookup` as they were stored before it."""

    event: DurableEvent
    began: datetime
    lookup: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """The server did what it was asked; `event` has the id of the intent, and what is known now (the user's id)."""

    event: DurableEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DidNotHappen:
    """The server refused, or never heard of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotTell:
    """There is no way to find out, now or later; `reason` is for operators."""

    reason: str


Resolution: TypeAlias = Happened | DidNotHappen | CannotTell


class Resolver(Protocol):
    """Looks up the outcome of a call.

    Whatever it raises, or taking too long, means that it may be asked again, a bounded number of times. A user who is there has not
    signed up in this call if they were there before it: an answer of `Happened` needs something that tells the two apart.
    """

    async def __call__(self, intent: Intent, /) -> Resolution: ...


async def cannot_look_up(intent: Intent, /) -> Resolution:
    """The resolver of those who have none."""
    return CannotTell(reason="there is nowhere to look")
