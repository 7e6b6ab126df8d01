"""What hooks answer: the changes they want, or `Deny`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hookpoint.hooks.json import FrozenDict, JsonValue

_ERROR_CODE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")


class Deny(Exception):  # noqa: N818 - an answer, not a failure
    """Raised by a hook to stop what is being asked for.

    `code` is the OAuth error code the client gets (RFC 6749 section 5.2: `access_denied`, `invalid_scope` …), `reason` says why
    and goes to the log, and to the client unless `user_message` is given, which then goes to the client in its place. (The dialect `auth0`
    shows both where users sign up, as Auth0 did.)
    """

    def __init__(self, code: str, reason: str, user_message: str | None = None) -> None:
        if not isinstance(reason, str) or not isinstance(user_message, str | None):
            raise TypeError("the reason and the user_message of Deny are texts")
        if not _ERROR_CODE.fullmatch(code):
            raise ValueError(
                f"{code!r} is no OAuth error code: printable ASCII without quotes and backslash (RFC 6749 5.2)"
            )
        super().__init__(code, reason, user_message)
        self.code = code
        self.reason = reason
        self.user_message = user_message

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChanges:
    """Changes to an access token; what is not named stays as it was.

    `claims` are added or replaced, `remove_claims` removed. `scope` is the whole new scope: leaving out is always allowed, adding
    only what `grantable_scopes` of the configuration allows for the client. `expires_in` is the longest life the token may have
    from now, in seconds: it can shorten, never extend. `id_token_claims` are added to the ID token, or replaced there; only at
    `token-issuance`, and only where an ID token is issued.
    """

    claims: Mapping[str, JsonValue] = field(default_factory=FrozenDict)
    remove_claims: Collection[str] = frozenset()
    scope: Collection[str] | None = None
    expires_in: int | None = None
    id_token_claims: Mapping[str, JsonValue] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """Metadata for a user who is about to be created; merged over what the sign-up brought."""

    user_metadata: Mapping[str, JsonValue] = field(default_factory=FrozenDict)
    app_metadata: Mapping[str, JsonValue] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChanges:
    """Changes to a message before it is sent: its text, its sender, and the provider that sends it (by name)."""

    text: str | None = field(default=None, repr=False)
    sender: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The hook has delivered the message itself; nothing else will send it. `message_id` is the vendor's, if any."""

    message_id: str = ""
