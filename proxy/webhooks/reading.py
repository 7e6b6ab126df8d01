"""What a webhook tells, said once for all formats."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from hookpoint.hooks import Connection, PostChangePassword, PostUserRegistration, Request, User
from hookpoint.hooks.deliveries import DurableEvent

What = Literal["registered", "password_changed"]
_LONGEST: Final = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A user signed up, or changed their password `at` a time; `key` is the same however often the sender says so."""

    what: What
    user: User
    key: str
    at: datetime | None = None
    connection: Connection = field(default_factory=Connection)
    ip: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Something else happened; `type` is the sender's word for it."""

    type: str


def event_of(told: Told, *, path: str, received: float) -> DurableEvent:
    """The event that hooks are given; its id follows from the route and from what was told, so that repeats are recognized."""
    request = Request(ip=told.ip, user_agent=told.user_agent)
    # Nobody signs up twice, whatever number of events a server makes of it.
    key = told.user.id if told.what == "registered" and told.user.id else told.key
    event_id = hashlib.sha256(f"{path}\0{told.what}\0{key}".encode()).hexdigest()[:32]
    if told.what == "registered":
        return PostUserRegistration(id=event_id, user=told.user, connection=told.connection, request=request)
    return PostChangePassword(
        id=event_id,
        user=told.user,
        changed_at=told.at or datetime.fromtimestamp(received, UTC),
        connection=told.connection,
        request=request,
    )


def time_of(value: object) -> datetime | None:
    """A time in milliseconds since 1970, or in ISO 8601; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value / 1000 < _LONGEST:
        return datetime.fromtimestamp(value / 1000, UTC)
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            return None
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    return None
