"""Decorators: what may be a hook, and what is said about what may not."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from hookpoint.hooks import (
    POINTS,
    CredentialsExchange,
    HookDefinitionError,
    PreUserRegistration,
    SendPhoneMessage,
    TokenChanges,
    TokenIssuance,
    When,
    credentials_exchange,
    hooks_of_functions,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)
from hookpoint.hooks.points import marks_of
from hookpoint.hooks.signatures import source_of
from hookpoint.hooks.testing import sample_event, try_hook

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers

PLAN = TokenChanges(claims={"plan": "gold"})


@dataclass(slots=True)
class SlottedHook:
    def __call__(self, event: CredentialsExchange) -> TokenChanges:
        return PLAN


@dataclass
class ConfiguredHook:
    plan: str

    def __call__(self, event: CredentialsExchange) -> TokenChanges:
        return TokenChanges(claims={"plan": self.plan})


class AsyncHook:
    async def __call__(self, event: CredentialsExchange) -> TokenChanges:
        await asyncio.sleep(0)
        return PLAN


class Methods:
    def hook(self, event: CredentialsExchange) -> TokenChanges:
        return PLAN


class MisfitHook:
    def __call__(self, event: SendPhoneMessage) -> None: ...


class HasScope(Protocol):
    @property
    def scope(self) -> frozenset[str]: ...


class GeneratorHook:
    def __call__(self, event: CredentialsExchange) -> Iterator[TokenChanges]:
        yield PLAN


def plain(event: CredentialsExchange) -> TokenChanges:
    return PLAN


async def coroutine(event: CredentialsExchange) -> TokenChanges:
    await asyncio.sleep(0)
    return PLAN


def with_plan(plan: str, event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"plan": plan})


def with_default(event: CredentialsExchange, plan: str = "gold") -> TokenChanges:
    return TokenChanges(claims={"plan": plan})


def with_everything(*args: Any, **_: Any) -> TokenChanges:
    assert isinstance(args[0], CredentialsExchange)
    return PLAN


def without_annotation(event):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return PLAN


def with_checkers_annotation(event: OnlyForCheckers) -> TokenChanges:
    return PLAN


def with_union(event: CredentialsExchange | PreUserRegistration) -> TokenChanges:
    return PLAN


def with_protocol(event: HasScope) -> TokenChanges:
    return PLAN


def with_object(event: object) -> TokenChanges:
    return PLAN


@functools.wraps(coroutine)
def wrapped(*args: Any) -> Any:
    return coroutine(*args)


FINE: list[Callable[..., Any]] = [
    plain,
    coroutine,
    with_default,
    with_everything,
    without_annotation,
    with_checkers_annotation,
    with_union,
    with_protocol,
    with_object,
    wrapped,
    lambda event: PLAN,
    functools.partial(with_plan, "gold"),
    functools.partial(with_default, plan="gold"),
    functools.partial(coroutine),
    ConfiguredHook("gold"),
    AsyncHook(),
]


@pytest.mark.parametrize("function", FINE, ids=lambda function: getattr(function, "__name__", type(function).__name__))
@pytest.mark.parametrize(
    "options",
    [None, {}, {"order": -3, "timeout": 1, "on_error": "skip", "name": "x"}],
    ids=["bare", "called", "with options"],
)
def test_anything_that_takes_the_event_may_be_a_hook(
    function: Callable[..., Any], options: dict[str, Any] | None
) -> None:
    fresh = functools.partial(function) if inspect.isfunction(function) else function
    decorate: Any = credentials_exchange if options is None else credentials_exchange(**options)
    marked = len(marks_of(fresh))
    assert decorate(fresh) is fresh
    assert len(marks_of(fresh)) == marked + 1
    hook = hooks_of_functions([fresh])[-1]
    assert (hook.name == "x") is bool(options)
    assert hook.point is credentials_exchange
    fresh.__dict__.pop("__hookpoint__")
    decorate(fresh)
    assert try_hook(fresh).claims["plan"] == "gold"


def test_options_are_kept() -> None:
    @pre_user_registration(
        order=7, timeout=0.5, on_error="skip", name="n", when={"connection": ["db-*"]}, needs_password=True
    )
    def hook(event: PreUserRegistration) -> None: ...

    (mark,) = marks_of(hook)
    options = mark.options
    assert (options.name, options.order, options.timeout, options.on_error) == ("n", 7, 0.5, "skip")
    assert options.when == When(connection=("db-*",))
    assert options.needs_password
    assert not options.early
    assert mark.source == f"{__file__}:{hook.__code__.co_firstlineno}"


def test_one_function_may_stand_at_several_points() -> None:
    @token_issuance
    @credentials_exchange
    def hook(event: CredentialsExchange) -> None: ...

    assert [each.point for each in hooks_of_functions([hook])] == [credentials_exchange, token_issuance]


def wrong_event(event: SendPhoneMessage) -> None: ...


def narrower_event(event: TokenIssuance) -> None: ...


def wrong_union(event: SendPhoneMessage | PreUserRegistration) -> None: ...


def no_argument() -> None: ...


def two_arguments(event: CredentialsExchange, other: object) -> None: ...


def keyword_only(*, event: CredentialsExchange) -> None: ...


def keywords_only(**event: CredentialsExchange) -> None: ...


def generator(event: CredentialsExchange) -> Iterator[None]:
    yield


async def asynchronous_generator(event: CredentialsExchange) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (wrong_event, "takes a SendPhoneMessage, but credentials-exchange gives a CredentialsExchange"),
        (narrower_event, "takes a TokenIssuance, but"),
        (wrong_union, "takes a SendPhoneMessage | PreUserRegistration, but"),
        (MisfitHook(), "takes a SendPhoneMessage, but"),
        (no_argument, "must take the event as its only argument"),
        (two_arguments, "must take the event as its only argument"),
        (keyword_only, "must take the event as its only argument"),
        (keywords_only, "must take the event as its only argument"),
        (functools.partial(plain, sample_event(credentials_exchange)), "must take the event as its only argument"),
        (generator, "is a generator"),
        (asynchronous_generator, "is a generator"),
        (GeneratorHook(), "is a generator"),
        (Methods().hook, "a method cannot be marked as a hook"),
        (SlottedHook(), "a SlottedHook cannot be marked as a hook"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_what_cannot_be_a_hook_is_refused_with_file_and_line(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(HookDefinitionError, match=r"test_points\.py:\d+: ") as refused:
        credentials_exchange(function)
    assert reason in refused.value.reason
    assert refused.value.remedy.endswith(("...", "yield.", "mean.", "calls it."))


@pytest.mark.parametrize(
    ("thing", "source", "reason"),
    [
        (10, "builtins:int", "is not a function"),
        (TokenChanges, "hookpoint.hooks.results:TokenChanges", "is not a function"),
        (len, "builtins:builtin_function_or_method", "cannot be marked"),
        (max, "builtins:builtin_function_or_method", "must take the event"),
    ],
)
def test_what_has_no_file_is_named_by_its_type(thing: Any, source: str, reason: str) -> None:
    with pytest.raises(HookDefinitionError, match=reason) as refused:
        credentials_exchange(thing)
    assert refused.value.source == source


@pytest.mark.parametrize(
    ("options", "reason", "remedy"),
    [
        ({"oder": 1}, "credentials-exchange has no option 'oder'", "Did you mean 'order'?"),
        ({"zzz": 1}, "credentials-exchange has no option 'zzz'", "There are attempts, early, name,"),
        ({"point": 1}, "credentials-exchange has no option 'point'", "There are attempts, early, name,"),
        ({"name": 5}, "name=5 is not a text", 'name="add-plan"'),
        ({"order": 1.5}, "order=1.5 is not a whole number", "order=10"),
        ({"order": True}, "order=True is not a whole number", "order=10"),
        ({"order": "1"}, "order='1' is not a whole number", "order=10"),
        ({"timeout": 0}, "timeout=0 is no time", "timeout=1.5"),
        ({"timeout": -1.0}, "timeout=-1.0 is no time", "timeout=1.5"),
        ({"timeout": "3"}, "timeout='3' is no time", "timeout=1.5"),
        ({"timeout": True}, "timeout=True is no time", "timeout=1.5"),
        ({"timeout": float("nan")}, "timeout=nan is no time", "timeout=1.5"),
        ({"on_error": "ignore"}, "on_error='ignore' is unknown", 'on_error="deny" or on_error="skip"'),
        ({"early": "yes"}, "early='yes' is no yes or no", "early=True"),
        ({"needs_password": True}, "needs_password does not go with credentials-exchange", "has a password"),
        ({"when": ["m2m-*"]}, "when is not a mapping", 'when={"client_id": ["m2m-*"]}'),
        ({"when": ()}, "when is not a mapping", 'when={"client_id": ["m2m-*"]}'),
        ({"when": {"client": ["a"]}}, "when has an unknown key 'client'", "Did you mean 'client_id'?"),
        ({"when": {7: ["a"]}}, "when has an unknown key 7", "Use one of client_id, audience, scope, connection."),
        ({"when": {"scope": "a"}}, "when.scope is not a list of texts", 'when={"scope": ["m2m-*"]}'),
        ({"when": {"scope": 5}}, "when.scope is not a list of texts", 'when={"scope": ["m2m-*"]}'),
        ({"when": {"scope": ["a", 5]}}, "when.scope is not a list of texts", 'when={"scope": ["m2m-*"]}'),
        (
            {"when": {"connection": ["a"]}},
            "when.connection is never met: a CredentialsExchange has none",
            "Leave it out",
        ),
    ],
    ids=str,
)
def test_wrong_options_are_refused_with_file_line_and_remedy(options: dict[str, Any], reason: str, remedy: str) -> None:
    with pytest.raises(HookDefinitionError, match=r"test_points\.py:\d+: ") as refused:
        credentials_exchange(**options)(plain)
    assert reason in refused.value.reason
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(("option", "point"), [("early", post_user_registration), ("needs_password", token_issuance)])
def test_options_of_other_points_are_refused(option: str, point: Any) -> None:
    with pytest.raises(HookDefinitionError, match=f"{option} does not go with {point.name}"):
        point(**{option: True})(with_object)


def test_needs_password_must_be_yes_or_no() -> None:
    decorate: Any = pre_user_registration
    with pytest.raises(HookDefinitionError, match="needs_password='no' is no yes or no"):
        decorate(needs_password="no")(with_object)


def test_points_are_found_by_the_names_of_auth0() -> None:
    assert list(POINTS) == [
        "credentials-exchange",
        "token-issuance",
        "pre-user-registration",
        "post-user-registration",
        "post-change-password",
        "send-phone-message",
    ]
    assert [point.name for point in POINTS.values() if not point.blocking] == [
        "post-user-registration",
        "post-change-password",
    ]
    assert repr(send_phone_message) == "<point send-phone-message>"
    assert all(type(sample_event(point)) is point.event for point in POINTS.values())


def test_an_empty_name_is_the_functions_own() -> None:
    hook = credentials_exchange(name="")(functools.partial(plain))
    assert hooks_of_functions([hook])[0].name == "partial"


def test_the_source_of_a_callable_object_is_its_call() -> None:
    line = inspect.getsourcelines(MisfitHook.__call__)[1]
    assert source_of(functools.partial(MisfitHook())) == f"{__file__}:{line}"
