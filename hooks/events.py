"""What hooks are told: one frozen event for each extensibility point.

Mappings in events are read-only (`FrozenDict`), lists in them are tuples. Secrets, passwords and codes are left out of `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, cast, get_origin, get_type_hints

from hookpoint.hooks.json import FrozenDict, JsonValue, freeze

MessageKind = Literal["sms", "voice", "whatsapp"]


def no_secrets() -> Mapping[str, str]:
    """The secrets of a hook that was given none."""
    return cast("Mapping[str, str]", FrozenDict())


class _Frozen:
    """Makes every mapping field of a frozen dataclass read-only, whoever built it."""

    __slots__ = ()

    def __post_init__(self) -> None:
        names = _MAPPINGS.get(type(self))
        if names is None:
            names = _MAPPINGS[type(self)] = _mappings_of(type(self))
        for name in names:
            value = getattr(self, name)
            if type(value) is not FrozenDict and isinstance(value, Mapping):
                object.__setattr__(self, name, freeze(value))


# The fields that hold mappings; finding them for each event would cost more than freezing does.
_MAPPINGS: dict[type[object], tuple[str, ...]] = {}


def _mappings_of(event: type[object]) -> tuple[str, ...]:
    return tuple(name for name, kind in get_type_hints(event).items() if get_origin(kind) is Mapping)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(_Frozen):
    """An OAuth client (RFC 6749 section 2).

    `id` is its `client_id`; `name` and `metadata` come from the configuration, and are empty for a client it does not know.
    """

    id: str
    name: str = ""
    metadata: Mapping[str, JsonValue] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(_Frozen):
    """The HTTP request that led to the event.

    `ip` is the client's address as far as trusted proxies tell it, `language` the first of Accept-Language, `geo` what trusted
    proxies say of the place (for example `{"country": "DE"}`). `id` is the one in the logs.
    """

    id: str = ""
    method: str = ""
    hostname: str = ""
    ip: str = ""
    user_agent: str = ""
    language: str = ""
    geo: Mapping[str, JsonValue] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class User(_Frozen):
    """A user as far as the server told; unknown texts are empty, `id` is empty before the user exists."""

    id: str = ""
    username: str = ""
    email: str = ""
    email_verified: bool = False
    phone_number: str = field(default="", repr=False)
    phone_verified: bool = False
    name: str = ""
    user_metadata: Mapping[str, JsonValue] = field(default_factory=FrozenDict)
    app_metadata: Mapping[str, JsonValue] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(_Frozen):
    """The user store that a sign-up or password change concerns."""

    name: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsExchange(_Frozen):
    """A client asks for a token of its own (`grant_type=client_credentials`, RFC 6749 section 4.4).

    The server has said yes already: `claims` are those of its access token, and `scope` and `audience` what it granted.
    `audience` is the first of `audiences` (claim `aud`, else what the request named), or empty. `parameters` are the request's
    own, without credentials. For an opaque or encrypted token, which nobody but its audience can read, `claims` is empty.
    """

    client: Client
    scope: frozenset[str] = frozenset()
    audience: str = ""
    audiences: tuple[str, ...] = ()
    claims: Mapping[str, JsonValue] = field(default_factory=FrozenDict)
    parameters: Mapping[str, JsonValue] = field(default_factory=FrozenDict)
    request: Request = field(default_factory=Request)
    secrets: Mapping[str, str] = field(default_factory=no_secrets, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuance(CredentialsExchange):
    """A token of any other grant is issued: for a user, by refresh, by exchange.

    `grant_type` is the request's. `user` is whom the token is for, as its claims and the ID token's tell. `is_refresh`: the token
    follows an earlier one, whose hooks ran as well; then `granted_before` are the scopes that hooks had added to it, the only ones
    that they may add again. `id_token_claims` are those of the ID token, empty where none is issued.
    """

    grant_type: str
    user: User = field(default_factory=User)
    is_refresh: bool = False
    granted_before: frozenset[str] = frozenset()
    id_token_claims: Mapping[str, JsonValue] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreUserRegistration(_Frozen):
    """Somebody asks to sign up; the user does not exist yet.

    `password` is None but for hooks registered with `needs_password=True`.
    """

    user: User
    connection: Connection = field(default_factory=Connection)
    client: Client | None = None
    request: Request = field(default_factory=Request)
    password: str | None = field(default=None, repr=False)
    secrets: Mapping[str, str] = field(default_factory=no_secrets, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostUserRegistration(_Frozen):
    """A user was created. `id` is the same at every attempt to deliver this event: use it to ignore repeats."""

    id: str
    user: User
    connection: Connection = field(default_factory=Connection)
    client: Client | None = None
    request: Request = field(default_factory=Request)
    secrets: Mapping[str, str] = field(default_factory=no_secrets, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostChangePassword(_Frozen):
    """A user's password was really changed, at `changed_at` (with time zone). `id` is the same at every attempt."""

    id: str
    user: User
    changed_at: datetime
    connection: Connection = field(default_factory=Connection)
    request: Request = field(default_factory=Request)
    secrets: Mapping[str, str] = field(default_factory=no_secrets, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPhoneMessage(_Frozen):
    """A one-time code is to be delivered to a phone. `recipient` is in E.164 form."""

    recipient: str = field(repr=False)
    text: str = field(repr=False)
    code: str = field(repr=False)
    kind: MessageKind = "sms"
    purpose: str = "second-factor-authentication"
    language: str = ""
    client: Client | None = None
    user: User = field(default_factory=User)
    request: Request = field(default_factory=Request)
    secrets: Mapping[str, str] = field(default_factory=no_secrets, repr=False)


Event = (
    CredentialsExchange
    | TokenIssuance
    | PreUserRegistration
    | PostUserRegistration
    | PostChangePassword
    | SendPhoneMessage
)


def before_the_server(event: CredentialsExchange) -> CredentialsExchange:
    """The event as early hooks see it: the server has issued nothing yet."""
    if isinstance(event, TokenIssuance):
        return replace(event, claims={}, id_token_claims={})
    return replace(event, claims={})
