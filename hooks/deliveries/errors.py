"""What can go wrong with stored events."""

from __future__ import annotations

from hookpoint.hooks.errors import HooksError


class PayloadUnreadable(HooksError):  # noqa: N818 - names the state
    """A stored event cannot be read: it was sealed with another secret, changed, or written by another version."""

    code = "payload_unreadable"


class NoIntent(HooksError):  # noqa: N818 - names the state
    """An event was settled that nobody had stored before, or so long ago that it is kept no more."""

    code = "no_intent"


class DatabaseUnavailable(HooksError):  # noqa: N818 - names the state
    """The database cannot be used for now; what a `Database` raises is of this class where that is so."""

    code = "database_unavailable"
