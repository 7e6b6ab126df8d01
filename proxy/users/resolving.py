"""Finds out what became of a sign-up that was cut off: is the user there, and new?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.types import Scope

from hookpoint.hooks import PostUserRegistration, User
from hookpoint.hooks.deliveries import CannotTell, DidNotHappen, Happened, Intent, Resolution
from hookpoint.proxy.dialects import Dialect, Lookup
from hookpoint.proxy.dialects.places import segments_of
from hookpoint.proxy.users.calls import ServerCalls, values_of
from hookpoint.proxy.users.outcomes import document_of, user_of
from hookpoint.proxy.users.pointers import find

_SKEW: Final = timedelta(seconds=5)  # how far the clocks of two machines may be apart
_MILLISECONDS: Final = 100_000_000_000  # seconds since 1970 are less than this, milliseconds more


class LookUpFailed(Exception):  # noqa: N818 - an event, not a mistake
    """A user could not be looked up; it is worth trying again."""

    code = "look_up_failed"


class SignUpResolver:
    """Implements `Resolver` with the look-up of a dialect. `request` gives the scope that calls are made from."""

    def __init__(self, dialect: Dialect, calls: ServerCalls, request: Callable[[], Scope]) -> None:
        self._dialect = dialect
        self._calls = calls
        self._request = request

    async def __call__(self, intent: Intent, /) -> Resolution:
        """See `Resolver`; raises LookUpFailed, CallFailed and AdminUnavailable."""
        if not isinstance(intent.event, PostUserRegistration):
            return CannotTell(reason="no server says when a password was changed last")
        route = self._dialect.sign_up.get(intent.lookup.get("route", ""))
        look_up = self._dialect.look_up_of(route) if route else self._dialect.look_up
        if look_up is None:
            return CannotTell(reason="the dialect has no route to look users up")
        if not self._calls.can(look_up):
            return CannotTell(reason="looking users up needs an administrator: set upstream.admin")
        missing = [name for name in look_up.names if not intent.lookup.get(name)]
        if missing:
            return CannotTell(reason=f"users are looked up by {', '.join(sorted(missing))}, which is not known here")
        return _judged(intent, intent.event, await self._found(look_up, intent), look_up)

    async def _found(self, look_up: Lookup, intent: Intent) -> object:
        """The entry of the user, None when there is none."""
        values = {**intent.lookup, **values_of(intent.event.user, {})}
        answer = await self._calls.ask(look_up, values, self._request())
        if answer.status == 404:
            return None
        if not 200 <= answer.status < 300:
            raise LookUpFailed(f"the server answered {answer.status} for {look_up.method} {look_up.path}")
        document = document_of(answer)
        users = find(document, segments_of(look_up.users)) if look_up.users else document
        entries = users if isinstance(users, (list, tuple)) else [users]
        return next((entry for entry in entries if _is_same(intent.event.user, entry, look_up)), None)


def _is_same(user: User, entry: object, look_up: Lookup) -> bool:
    """Whether an entry is the user: a look-up may find those whose names are merely alike."""
    if not isinstance(entry, Mapping):
        return False
    found = user_of(User(), entry, look_up.user)
    known = [name for name in ("email", "username", "phone_number") if getattr(user, name) and getattr(found, name)]
    return bool(known) and all(getattr(user, name).lower() == getattr(found, name).lower() for name in known)


def _judged(intent: Intent, event: PostUserRegistration, entry: object, look_up: Lookup) -> Resolution:
    if entry is None:
        return DidNotHappen()
    created = _time(next((find(entry, segments_of(pointer)) for pointer in look_up.created_at), None))
    if created is None:
        return CannotTell(reason="the user is there, and the server does not say since when")
    if created < intent.began - _SKEW:
        return DidNotHappen()
    return Happened(event=replace(event, user=user_of(event.user, entry, look_up.user)))


def _time(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            return None
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
    return None
