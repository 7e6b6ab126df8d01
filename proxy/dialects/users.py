"""The words for routes where users sign up and where passwords change."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from hookpoint.proxy.dialects.part import Part
from hookpoint.proxy.dialects.places import Places, Pointers
from hookpoint.proxy.dialects.templates import placeholders
from hookpoint.proxy.path_aliases import TEMPLATE_SEGMENT

MetadataStyle = Literal["object", "text_lists", "key_values"]

_USER = frozenset({"id", "email", "username", "phone_number", "name", "connection", "client_id"})
_METADATA = frozenset({"user_metadata", "app_metadata"})
_DENIAL = frozenset({"code", "reason", "message", "user_message", "status", "request_id"})


class UserPlaces(Part):
    """Where a request says what. Several places for one thing are alternatives; a request that uses two must say the same in both."""

    id: Places = ()
    """The user's id."""
    email: Places = ()
    """The e-mail address."""
    username: Places = ()
    """The user name."""
    phone_number: Places = ()
    """The phone number."""
    name: Places = ()
    """The full name."""
    password: Places = ()
    """The password; at a change, the new one."""
    user_metadata: Places = ()
    """Metadata that users may see and change: an object. Where hooks' user metadata is written."""
    app_metadata: Places = ()
    """Metadata that users may not change. Where hooks' app metadata is written; clients may not use it, unless the route is `admin`."""
    connection: Places = ()
    """The user store (Auth0), realm (Keycloak) or organisation."""
    client_id: Places = ()
    """The OAuth client that asks."""


class AnswerPlaces(Part):
    """Where an answer says who the user is; the first place that is there counts."""

    id: Pointers = ()
    """The user's id."""
    email: Pointers = ()
    """The e-mail address."""
    username: Pointers = ()
    """The user name."""
    phone_number: Pointers = ()
    """The phone number."""
    name: Pointers = ()
    """The full name."""
    email_verified: Pointers = ()
    """Whether the address is verified: true, or a time."""
    phone_verified: Pointers = ()
    """Whether the number is verified: true, or a time."""
    location: str = ""
    """The end of the path in the header Location, such as `/users/{id}`."""


class Success(Part):
    """One way in which the server says that it did what it was asked for; all conditions hold."""

    status: tuple[int, ...] = ()
    """Statuses; any 2xx when there are none."""
    members: dict[str, Any] = Field(default_factory=dict)
    """Members of the JSON body and the values that they have. `*` in a pointer is any item of an array."""
    present: Pointers = ()
    """Members that are there and not null."""
    location: str = ""
    """A glob for the header Location."""


class Denial(Part):
    """How a refusal is written so that the server's own clients understand it.

    `{code}`, `{reason}`, `{user_message}`, `{message}` (the text for the user, else the reason), `{status}`, `{request_id}` and open
    segments of the path are filled in.
    """

    status: int = Field(default=400, ge=400, le=599)
    """The status of a hook's refusal. Failures have statuses of their own."""
    body: dict[str, Any] | None = None
    """A JSON object. Without it and `html`, the body is an OAuth error (RFC 6749 section 5.2)."""
    failure: dict[str, Any] | None = None
    """A JSON object for what is refused or fails without a hook's saying so. Default: `body`."""
    html: str | None = None
    """A page, for routes that browsers post forms to; what is filled in is escaped."""
    content_type: str = ""
    """The type of the body. Default: application/json, or text/html in UTF-8."""


class Call(Part):
    """A request of hookpoint's own to the server. Path, query and body are filled in from what is known of the user."""

    method: str = "GET"
    """The method."""
    path: str
    """The path, such as `/users/{id}`."""
    query: dict[str, str] = Field(default_factory=dict)
    """Parameters of the query."""
    body: Any = None
    """A JSON value. A text that is `{user_metadata}` or `{app_metadata}` becomes the object."""
    credentials: Literal["admin", "caller"] = "admin"
    """Whose: those of `upstream.admin` in the configuration, or those of the request that hookpoint is handling."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Header fields that are sent as well."""

    @property
    def names(self) -> frozenset[str]:
        """What is filled in."""
        return frozenset(placeholders([self.path, dict(self.query), self.body]))


class UserCall(Call):
    """A call whose answer tells who the user is."""

    user: AnswerPlaces
    """Where the answer says it."""


class Lookup(UserCall):
    """A call that finds a user, for sign-ups whose answer was lost."""

    users: str = ""
    """A JSON pointer to the array of users; empty when the answer is the array."""
    created_at: Pointers = ()
    """When the user was created (ISO 8601, or seconds or milliseconds since 1970): one from before the sign-up is not its user."""


class UserRoute(Part):
    """A route that concerns a user."""

    path: str
    """The path; `{base}` is the dialect's base, other names in braces are open segments."""
    methods: tuple[str, ...] = ("POST",)
    """The methods that do it; others pass."""
    bodies: tuple[Literal["form", "json"], ...] = ("json",)
    """The kinds of body that the server reads."""
    admin: bool = False
    """Whether administrators use it, not users themselves."""
    unless: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Members of the body and the values with which a request is none of this; it then passes."""
    requires: Pointers = ()
    """Members of the body without which a request is none of this; it then passes."""
    request: UserPlaces = UserPlaces()
    """Where the request says what."""
    values: dict[str, Places] = Field(default_factory=dict)
    """More of the request, by names that templates can use."""
    success: tuple[Success, ...] = (Success(),)
    """What success looks like: one of these."""
    user: AnswerPlaces = AnswerPlaces()
    """Where the answer says who the user is."""
    denial: Denial | None = None
    """How a refusal is written, where it differs from the dialect's."""

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the open segments."""
        return frozenset(TEMPLATE_SEGMENT.findall(self.path))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.denial is not None:
            check_denial(self.denial, self.parameters | self.values.keys())
        return self

    def _check_call(self, name: str, call: Call | None, more: frozenset[str] = frozenset()) -> None:
        unknown = call.names - _USER - more - self.parameters - self.values.keys() if call else ()
        if unknown:
            raise ValueError(f"{name} fills in {', '.join(sorted(unknown))}, which is not known there")


class SignUpRoute(UserRoute):
    """A route where users sign up, or are created."""

    metadata_style: MetadataStyle = "object"
    """How metadata is written: as it is, as lists of texts (Keycloak), or as a list of keys and base64 values (ZITADEL)."""
    metadata: Call | None = None
    """The call that writes what the sign-up itself cannot take: it fills in `{user_metadata}`, `{app_metadata}` or both."""
    look_up: Lookup | None = None
    """The call that finds the user of a sign-up whose answer was lost, where it differs from the dialect's."""

    @model_validator(mode="after")
    def _check_metadata(self) -> Self:
        self._check_call("metadata", self.metadata, _METADATA)
        self._check_call("look_up", self.look_up)
        if self.metadata is not None and not self.metadata.names & _METADATA:
            raise ValueError("metadata fills in neither {user_metadata} nor {app_metadata}")
        return self


class PasswordChangeRoute(UserRoute):
    """A route where a password really changes. Routes that only send a mail are none."""

    who: UserCall | None = None
    """A call made before the change that tells whose password it is, where neither request nor answer do."""

    @model_validator(mode="after")
    def _check_who(self) -> Self:
        self._check_call("who", self.who)
        return self


def check_denial(denial: Denial, names: frozenset[str] | set[str]) -> None:
    """Raise ValueError for a refusal that cannot be written."""
    if denial.body is not None and denial.html is not None:
        raise ValueError("a denial has a body or html, not both")
    unknown = set(placeholders([denial.body, denial.failure, denial.html])) - _DENIAL - names
    if unknown:
        raise ValueError(f"denial fills in {', '.join(sorted(unknown))}, which is not known there")
