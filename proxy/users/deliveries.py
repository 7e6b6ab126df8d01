"""Events of points that do not block: stored before the server is asked, due once it has said yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from hookpoint.hooks import Connection, PostChangePassword, PostUserRegistration, User

Announced: TypeAlias = PostUserRegistration | PostChangePassword


class Outbox(Protocol):
    """Where events are kept until hooks have had them; all of it raises StoreError."""

    async def intend(self, event: Announced, *, subject: str, lookup: Mapping[str, str]) -> None:
        """Keep an event that will be due if the server does what it is about to be asked for."""
        ...

    async def settle(self, event: Announced) -> None:
        """Make an event due; it has the id of the one that was kept, and the user as the server told."""
        ...

    async def withdraw(self, event_id: str) -> None:
        """Forget an event: the server said no."""
        ...


def subject_of(user: User, connection: Connection) -> str:
    """Whom an event is about, before and after the server has given the user an id: events of one user keep their order."""
    name = user.email.lower() or user.username.lower() or user.phone_number or user.id
    return f"{connection.name}/{name}"


def lookup_of(user: User, connection: Connection, *, route: str, root_path: str) -> dict[str, str]:
    """By what a user is found again; `route` is that of the sign-up, `root_path` the mount root it was below."""
    known = {
        "route": route,
        "root_path": root_path,
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "phone_number": user.phone_number,
        "connection": connection.name,
    }
    return {name: value for name, value in known.items() if value}
