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

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

from hookpoint.hooks.conditions import Conditions, When, parse_conditions
from hookpoint.hooks.errors import HookDefinitionError
from hookpoint.hooks.events import (
    CredentialsExchange,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    SendPhoneMessage,
    TokenIssuance,
)
from hookpoint.hooks.results import Delivered, MessageChanges, TokenChanges, UserChanges

E = TypeVar("E")
R = TypeVar("R")
OnError = Literal["deny", "skip"]
SyncHook: TypeAlias = Callable[[E], R | None]
AsyncHook: TypeAlias = Callable[[E], Coroutine[Any, Any, R | None]]

_MARK = "__hookpoint__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a hook is run, as its decorator says; the configuration may override each of them.

    `order`: lower runs first, equals in order of registration. `timeout` in seconds, None for the configured default.
    `on_error`: whether a failure of this hook denies (the default) or is skipped. `when`: for which requests it runs. `early`: it runs
    before the server is asked, and may only refuse (tokens). `needs_password`: it is given the password in clear (sign-up).
    """

    name: str
    order: int = 0
    timeout: float | None = None
    on_error: OnError = "deny"
    when: When = field(default_factory=When)
    early: bool = False
    needs_password: bool = False


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
        decorator = _Decorator(self, **options)
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


AnyPoint: TypeAlias = Point[Any, Any]


class _Decorator(Generic[E, R]):
    def __init__(self, point: Point[E, R], *, name: str | None = None, **options: Any) -> None:
        self._point = point
        self._name = name
        self._options = options

    @overload
    def __call__(self, function: AsyncHook[E, R], /) -> AsyncHook[E, R]: ...
    @overload
    def __call__(self, function: SyncHook[E, R], /) -> SyncHook[E, R]: ...
    def __call__(self, function: Callable[[E], Any], /) -> Any:
        source = source_of(function)
        check_signature(self._point, function, source)
        name = self._name or getattr(function, "__name__", type(function).__name__)
        if "needs_password" in self._options and not isinstance(self._point, PreUserRegistrationPoint):
            raise HookDefinitionError(
                source, f"needs_password does not go with {self._point.name}.", "No event of this point has a password."
            )
        if "early" in self._options and not isinstance(self._point, TokenPoint):
            raise HookDefinitionError(
                source,
                f"early does not go with {self._point.name}.",
                "Only hooks for tokens can run before the server.",
            )
        mark = Mark(point=self._point, options=make_options(source, name=str(name), **self._options), source=source)
        setattr(function, _MARK, (*marks_of(function), mark))
        return function


def make_options(
    source: str,
    *,
    name: str,
    order: object = 0,
    timeout: object = None,
    on_error: object = "deny",
    when: Mapping[str, object] | None = None,
    early: bool = False,
    needs_password: bool = False,
) -> Options:
    """Check the options of a hook; raises HookDefinitionError naming the place and the remedy."""
    if type(order) is not int:
        raise HookDefinitionError(source, f"order={order!r} is not a whole number.", "Use order=10, for example.")
    if timeout is not None and not (isinstance(timeout, (int, float)) and timeout > 0):
        raise HookDefinitionError(source, f"timeout={timeout!r} is no time.", "Give seconds above zero: timeout=1.5.")
    if on_error not in ("deny", "skip"):
        raise HookDefinitionError(
            source, f"on_error={on_error!r} is unknown.", 'Use on_error="deny" or on_error="skip".'
        )
    return Options(
        name=name,
        order=order,
        timeout=timeout,
        on_error=on_error,
        when=parse_conditions(when or {}, source),
        early=early,
        needs_password=needs_password,
    )


def marks_of(function: object) -> tuple[Mark, ...]:
    """The marks that decorators have left on a function, in order."""
    marks: tuple[Mark, ...] = getattr(function, _MARK, ())
    return marks


def source_of(function: object) -> str:
    """Where a hook is written, as `file:line`, or its module and name where there is no file."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    return f"{type(function).__module__}:{type(function).__qualname__}"


def check_signature(point: AnyPoint, function: Callable[..., object], source: str) -> None:
    """Refuse a function that could not be called with the event of its point."""
    event = point.event.__name__
    if not callable(function) or inspect.isclass(function):
        raise HookDefinitionError(source, "is not a function.", f"Write def my_hook(event: {event}): ...")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise HookDefinitionError(source, "is a generator.", "Use return in place of yield.")
    try:
        inspect.signature(function).bind(object())
    except TypeError:
        raise HookDefinitionError(
            source, "must take the event as its only argument.", f"Write def my_hook(event: {event}): ..."
        ) from None
    annotation = _annotation_of_event(function)
    if isinstance(annotation, type) and not issubclass(point.event, annotation):
        raise HookDefinitionError(
            source,
            f"takes a {annotation.__name__}, but {point.name} gives a {event}.",
            f"Change the annotation to {event}, or the decorator to the point you mean.",
        )


def _annotation_of_event(function: Callable[..., object]) -> object:
    try:
        annotations = inspect.get_annotations(function, eval_str=True)
    except (NameError, SyntaxError, TypeError, AttributeError):  # imported for type checkers only
        return None
    return next((kind for name, kind in annotations.items() if name != "return"), None)


credentials_exchange: TokenPoint[CredentialsExchange] = TokenPoint(
    "credentials-exchange", CredentialsExchange, (TokenChanges,), blocking=True
)
token_issuance: TokenPoint[TokenIssuance] = TokenPoint("token-issuance", TokenIssuance, (TokenChanges,), blocking=True)
pre_user_registration = PreUserRegistrationPoint(
    "pre-user-registration", PreUserRegistration, (UserChanges,), blocking=True
)
post_user_registration: Point[PostUserRegistration, None] = Point(
    "post-user-registration", PostUserRegistration, (), blocking=False
)
post_change_password: Point[PostChangePassword, None] = Point(
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
