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
import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, get_args, overload

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
    `attempts`: how often it is tried in all, None for the configured default; only where it runs after the answer.
    """

    name: str
    order: int = 0
    timeout: float | None = None
    on_error: OnError = "deny"
    when: When = field(default_factory=When)
    early: bool = False
    needs_password: bool = False
    attempts: int | None = None


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
        check_signature(self._point, function, source)
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


def make_options(
    source: str,
    *,
    name: object,
    order: object = 0,
    timeout: object = None,
    on_error: object = "deny",
    when: object = None,
    early: object = False,
    needs_password: object = False,
    attempts: object = None,
) -> Options:
    """Check the options of a hook; raises HookDefinitionError naming the place and the remedy."""
    if not isinstance(name, str):
        raise HookDefinitionError(source, f"name={name!r} is not a text.", 'Use name="add-plan", for example.')
    if type(order) is not int:
        raise HookDefinitionError(source, f"order={order!r} is not a whole number.", "Use order=10, for example.")
    if timeout is not None and not (type(timeout) in (int, float) and timeout > 0):  # type: ignore[operator]
        raise HookDefinitionError(source, f"timeout={timeout!r} is no time.", "Give seconds above zero: timeout=1.5.")
    if on_error not in ("deny", "skip"):
        raise HookDefinitionError(
            source, f"on_error={on_error!r} is unknown.", 'Use on_error="deny" or on_error="skip".'
        )
    if attempts is not None and not (type(attempts) is int and attempts > 0):
        raise HookDefinitionError(source, f"attempts={attempts!r} is no number of times.", "Use attempts=5.")
    for option, value in (("early", early), ("needs_password", needs_password)):
        if not isinstance(value, bool):
            raise HookDefinitionError(source, f"{option}={value!r} is no yes or no.", f"Use {option}=True.")
    return Options(
        name=name,
        order=order,
        timeout=cast("float | None", timeout),
        on_error=on_error,
        when=parse_conditions({} if when is None else when, source),
        early=cast("bool", early),
        needs_password=cast("bool", needs_password),
        attempts=attempts,
    )


def check_conditions(event: type, when: When, source: str) -> None:
    """Refuse conditions on what an event does not have: the hook would never run."""
    known = {each.name for each in fields(event)}
    kinds = {"client_id": "client"}
    for each in fields(when):
        if getattr(when, each.name) and kinds.get(each.name, each.name) not in known:
            raise HookDefinitionError(
                source,
                f"when.{each.name} is never met: a {event.__name__} has none.",
                "Leave it out, or choose another point.",
            )


def marks_of(function: object) -> tuple[Mark, ...]:
    """The marks that decorators have left on a function, in order."""
    # Looked up without __getattr__, which some objects answer for every name.
    marks: tuple[Mark, ...] = inspect.getattr_static(function, _MARK, ())
    return marks


def source_of(function: object) -> str:
    """Where a hook is written, as `file:line`, or its module and name where there is no file."""
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if callable(inner) and not inspect.isroutine(inner) and not inspect.isclass(inner):
        inner = type(inner).__call__
    code = getattr(inspect.unwrap(inner) if callable(inner) else inner, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    kind = function if inspect.isclass(function) else type(function)
    return f"{kind.__module__}:{kind.__qualname__}"


def check_signature(point: AnyPoint, function: Callable[..., object], source: str) -> None:
    """Refuse a function that could not be called with the event of its point."""
    event = point.event.__name__
    if not callable(function) or inspect.isclass(function):
        raise HookDefinitionError(source, "is not a function.", f"Write def my_hook(event: {event}): ...")
    if any(map(_is_generator, (function, type(function).__call__))):
        raise HookDefinitionError(source, "is a generator.", "Use return in place of yield.")
    annotation = _annotation_of_event(function, source, event)
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if not any(_accepts(kind, point.event) for kind in kinds):
        named = " | ".join(kind.__name__ for kind in kinds)
        raise HookDefinitionError(
            source,
            f"takes a {named}, but {point.name} gives a {event}.",
            f"Change the annotation to {event}, or the decorator to the point you mean.",
        )


def _accepts(kind: object, event: type) -> bool:
    if not isinstance(kind, type) or kind is Any or getattr(kind, "_is_protocol", False):
        return True
    return issubclass(event, kind)


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _annotation_of_event(function: Callable[..., object], source: str, event: str) -> Any:
    """What a function says of its first parameter; `object` where that cannot be told."""
    try:
        signature = inspect.signature(function)
        parameter = next(iter(signature.bind(object()).arguments))
    except (TypeError, ValueError, StopIteration):
        raise HookDefinitionError(
            source, "must take the event as its only argument.", f"Write def my_hook(event: {event}): ..."
        ) from None
    try:
        evaluated = inspect.signature(function, eval_str=True)
    except Exception:  # noqa: BLE001 - a name that is imported for type checkers only, for example
        return object
    annotation = evaluated.parameters[parameter].annotation
    return object if annotation is inspect.Parameter.empty else annotation


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
