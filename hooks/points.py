"""The extensibility points, and the decorators that put a hook there.

| point | blocking | event | result |
|---|---|---|---|
| `credentials-exchange` | yes | `CredentialsExchange` | `TokenChanges` |
| `token-issuance` | yes | `TokenIssuance` | `TokenChanges` |
| `pre-user-registration` | yes | `PreUserRegistration` | `UserChanges` |
| `post-user-registration` | no | `PostUserRegistration` | none |
| `post-change-password` | no | `PostChangePassword` | none |
| `send-phone-message` | yes | `SendPhoneMessage` | `MessageChanges` or `Delivered` |
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeAlias, TypeVar, overload

from hookpoint.hooks.conditions import Conditions
from hookpoint.hooks.errors import HookDefinitionError
from hookpoint.hooks.events import (
    CredentialsExchange,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    SendPhoneMessage,
    TokenIssuance,
)
from hookpoint.hooks.options import OnError, Options, check_conditions, make_options
from hookpoint.hooks.results import Delivered, MessageChanges, TokenChanges, UserChanges
from hookpoint.hooks.signatures import check_signature, source_of

E = TypeVar("E")
R = TypeVar("R")
SyncHook: TypeAlias = Callable[[E], R | None]
AsyncHook: TypeAlias = Callable[[E], Coroutine[Any, Any, R | None]]

_MARK = "__hookpoint__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a decorator leaves on a function, for the registry to find."""

    point: AnyPoint
    options: Options
    source: str


class Point(Generic[E, R]):
    """An extensibility point; calling it decorates a hook. `name` is the trigger id that Auth0 uses."""

    def __init__(self, name: str, event: type[E], results: tuple[type, ...], *, blocking: bool) -> None:
        self.name = name
        self.event = event
        self.results = results
        self.blocking = blocking

    def __repr__(self) -> str:
        return f"<point {self.name}>"

    @overload
    def __call__(self, function: AsyncHook[E, R], /) -> AsyncHook[E, R]: ...
    @overload
    def __call__(self, function: SyncHook[E, R], /) -> SyncHook[E, R]: ...
    @overload
    def __call__(
        self,
        *,
        order: int = 0,
        timeout: float | None = None,
        on_error: OnError = "deny",
        when: Conditions | None = None,
        name: str | None = None,
    ) -> _Decorator[E, R]: ...
    def __call__(self, *function: Callable[[E], Any], **options: Any) -> Any:
        decorator = _Decorator(self, options)
        return decorator(*function) if function else decorator


class TokenPoint(Point[E, TokenChanges]):
    """A point for tokens takes one option more: an `early` hook runs before the server is asked, and may only refuse.

    What it is told is what the request says; `claims` is empty.
    """

    @overload
    def __call__(self, function: AsyncHook[E, TokenChanges], /) -> AsyncHook[E, TokenChanges]: ...
    @overload
    def __call__(self, function: SyncHook[E, TokenChanges], /) -> SyncHook[E, TokenChanges]: ...
    @overload
    def __call__(
        self,
        *,
        order: int = 0,
        timeout: float | None = None,
        on_error: OnError = "deny",
        when: Conditions | None = None,
        name: str | None = None,
        early: bool = False,
    ) -> _Decorator[E, TokenChanges]: ...
    def __call__(self, *function: Callable[[E], Any], **options: Any) -> Any:
        return super().__call__(*function, **options)


class PreUserRegistrationPoint(Point[PreUserRegistration, UserChanges]):
    """`pre-user-registration` takes one option more: `needs_password` hands the hook the password in clear."""

    @overload
    def __call__(
        self, function: AsyncHook[PreUserRegistration, UserChanges], /
    ) -> AsyncHook[PreUserRegistration, UserChanges]: ...
    @overload
    def __call__(
        self, function: SyncHook[PreUserRegistration, UserChanges], /
    ) -> SyncHook[PreUserRegistration, UserChanges]: ...
    @overload
    def __call__(
        self,
        *,
        order: int = 0,
        timeout: float | None = None,
        on_error: OnError = "deny",
        when: Conditions | None = None,
        name: str | None = None,
        needs_password: bool = False,
    ) -> _Decorator[PreUserRegistration, UserChanges]: ...
    def __call__(self, *function: Callable[[PreUserRegistration], Any], **options: Any) -> Any:
        return super().__call__(*function, **options)


class DurablePoint(Point[E, None]):
    """A point whose hooks run after the answer takes one option more: `attempts`, how often a hook is tried in all."""

    @overload
    def __call__(self, function: AsyncHook[E, None], /) -> AsyncHook[E, None]: ...
    @overload
    def __call__(self, function: SyncHook[E, None], /) -> SyncHook[E, None]: ...
    @overload
    def __call__(
        self,
        *,
        order: int = 0,
        timeout: float | None = None,
        on_error: OnError = "deny",
        when: Conditions | None = None,
        name: str | None = None,
        attempts: int | None = None,
    ) -> _Decorator[E, None]: ...
    def __call__(self, *function: Callable[[E], Any], **options: Any) -> Any:
        return super().__call__(*function, **options)


AnyPoint: TypeAlias = Point[Any, Any]


class _Decorator(Generic[E, R]):
    def __init__(self, point: Point[E, R], options: Mapping[str, Any]) -> None:
        self._point = point
        self._options = options

    @overload
    def __call__(self, function: AsyncHook[E, R], /) -> AsyncHook[E, R]: ...
    @overload
    def __call__(self, function: SyncHook[E, R], /) -> SyncHook[E, R]: ...
    def __call__(self, function: Callable[[E], Any], /) -> Any:
        source = source_of(function)
        check_signature(self._point.name, self._point.event, function, source)
        _check_option_names(self._point, self._options, source)
        name = getattr(function, "__name__", type(function).__name__)
        options = make_options(source, **{**self._options, "name": self._options.get("name") or name})
        check_conditions(self._point.event, options.when, source)
        mark = Mark(point=self._point, options=options, source=source)
        try:
            setattr(function, _MARK, (*marks_of(function), mark))
        except (AttributeError, TypeError):
            raise HookDefinitionError(
                source,
                f"a {type(function).__name__} cannot be marked as a hook.",
                "Write a def function that calls it.",
            ) from None
        return function


def _check_option_names(point: AnyPoint, options: Mapping[str, object], source: str) -> None:
    known = {each.name for each in fields(Options)}
    if "early" in options and not isinstance(point, TokenPoint):
        raise HookDefinitionError(
            source, f"early does not go with {point.name}.", "Only hooks for tokens can run before the server."
        )
    if "needs_password" in options and not isinstance(point, PreUserRegistrationPoint):
        raise HookDefinitionError(
            source, f"needs_password does not go with {point.name}.", "No event of this point has a password."
        )
    if "attempts" in options and point.blocking:
        raise HookDefinitionError(
            source, f"attempts does not go with {point.name}.", "Somebody waits for its hooks; they are tried once."
        )
    for name in options:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {nearest[0]!r}?" if nearest else f"There are {', '.join(sorted(known))}."
            raise HookDefinitionError(source, f"{point.name} has no option {name!r}.", remedy)


def marks_of(function: object) -> tuple[Mark, ...]:
    """The marks that decorators have left on a function, in order."""
    # Looked up without __getattr__, which some objects answer for every name.
    marks: tuple[Mark, ...] = inspect.getattr_static(function, _MARK, ())
    return marks


credentials_exchange: TokenPoint[CredentialsExchange] = TokenPoint(
    "credentials-exchange", CredentialsExchange, (TokenChanges,), blocking=True
)
token_issuance: TokenPoint[TokenIssuance] = TokenPoint("token-issuance", TokenIssuance, (TokenChanges,), blocking=True)
pre_user_registration = PreUserRegistrationPoint(
    "pre-user-registration", PreUserRegistration, (UserChanges,), blocking=True
)
post_user_registration: DurablePoint[PostUserRegistration] = DurablePoint(
    "post-user-registration", PostUserRegistration, (), blocking=False
)
post_change_password: DurablePoint[PostChangePassword] = DurablePoint(
    "post-change-password", PostChangePassword, (), blocking=False
)
send_phone_message: Point[SendPhoneMessage, MessageChanges | Delivered] = Point(
    "send-phone-message", SendPhoneMessage, (MessageChanges, Delivered), blocking=True
)

POINTS: Mapping[str, AnyPoint] = {
    point.name: point
    for point in (
        credentials_exchange,
        token_issuance,
        pre_user_registration,
        post_user_registration,
        post_change_password,
        send_phone_message,
    )
}
