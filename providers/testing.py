"""The contract of a provider as checks: run them over your own provider as we run them over ours.

    @pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
    async def test_contract(check):
        await check(Case(type=Acme, settings={"api_key": "secret"}, secrets=("secret",)))

With ``faults`` given, the vendor's side can be made to fail, and what the provider makes of it is checked as well.
"""

# ruff: noqa: PT017 - the checks need no pytest

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from hookpoint.providers.errors import Misconfigured, ProviderError, Unsupported
from hookpoint.providers.message import KINDS, Message, Receipt, Status
from hookpoint.providers.provider import Capabilities, SmsProvider

Fault = Literal["down", "refused", "throttled", "server_error", "silent"]

EXPECTED: Final[Mapping[Fault, frozenset[str]]] = MappingProxyType(
    {
        "down": frozenset({"unavailable"}),
        "refused": frozenset({"rejected", "misconfigured", "unsupported"}),
        "throttled": frozenset({"throttled"}),
        "server_error": frozenset({"unavailable", "outcome_unknown"}),
        "silent": frozenset({"outcome_unknown"}),
    }
)
"""The error codes that are right for each fault."""

SAMPLE: Final = Message(
    recipient="+15005550006",
    text="Your code is 918273. It is valid for ten minutes.",
    code="918273",
    purpose="mfa",
    language="en",
    user="user-4711",
    reference="ref-1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A provider under test: its class, settings that work, the secrets among them, and how to make its vendor fail."""

    type: type[SmsProvider]
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    secrets: tuple[str, ...] = ()
    faults: Mapping[Fault, Callable[[], AbstractAsyncContextManager[object]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    build: Callable[[], SmsProvider] | None = None
    """How to build the provider, where settings alone are not enough."""

    def make(self) -> SmsProvider:
        """A new provider, named ``under-test``."""
        return self.build() if self.build else self.type.from_settings("under-test", self.settings)


@asynccontextmanager
async def _running(case: Case) -> AsyncIterator[SmsProvider]:
    provider = case.make()
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()


def _message(provider: SmsProvider) -> Message:
    kinds = [kind for kind in KINDS if kind in provider.capabilities.kinds]
    return replace(SAMPLE, kind=kinds[0])


async def is_declared(case: Case) -> None:
    """Capabilities are a record with at least one kind, and ``send`` is a coroutine function."""
    able = case.type.capabilities
    assert isinstance(able, Capabilities)
    assert able.kinds, "a provider must be able to send something"
    assert able.kinds <= frozenset(KINDS), "unknown kinds"
    assert inspect.iscoroutinefunction(case.type.send)


async def names_unknown_settings(case: Case) -> None:
    """A misspelt setting is an error that names it, and no error shows a secret."""
    try:
        case.type.from_settings("under-test", {**case.settings, "no_such_setting": "x"})
    except Misconfigured as error:
        assert any("no_such_setting" in problem for problem in error.problems)
        assert not any(secret in str(error) for secret in case.secrets)
    else:
        raise AssertionError("an unknown setting was accepted")


async def keeps_secrets(case: Case) -> None:
    """No repr shows a secret."""
    provider = case.make()
    shown = repr(provider) + "".join(repr(value) for value in vars(provider).values())
    assert not any(secret in shown for secret in case.secrets), "a repr shows a secret"
    await provider.stop()


async def returns_a_receipt(case: Case) -> None:
    """A sent message gives a receipt with the provider's name, an id and a status."""
    async with _running(case) as provider:
        receipt = await provider.send(_message(provider))
    assert isinstance(receipt, Receipt)
    assert receipt.provider == provider.name
    assert receipt.id, "the receipt has no id"
    assert isinstance(receipt.status, Status)


async def sends_side_by_side(case: Case) -> None:
    """Several sends at once, each with its own receipt."""
    async with _running(case) as provider:
        message = _message(provider)
        receipts = await asyncio.gather(
            *(provider.send(replace(message, reference=f"ref-{number}")) for number in range(3))
        )
    assert len({receipt.id for receipt in receipts}) == 3, "two messages have one id"


async def refuses_other_kinds(case: Case) -> None:
    """A kind that the capabilities do not hold is Unsupported."""
    async with _running(case) as provider:
        for kind in KINDS:
            if kind in provider.capabilities.kinds:
                continue
            try:
                await provider.send(replace(SAMPLE, kind=kind))
            except Unsupported:
                continue
            raise AssertionError(f"{kind} was sent, which the capabilities do not hold")


async def stops_twice(case: Case) -> None:
    """Stopping works without a start, and twice."""
    provider = case.make()
    await provider.stop()
    await provider.start()
    await provider.stop()
    await provider.stop()


async def fails_as_told(case: Case) -> None:
    """Each fault gives an error that says the right thing to do, and shows nothing of the message."""
    for fault, failing in case.faults.items():
        async with failing(), _running(case) as provider:
            message = _message(provider)
            try:
                await provider.send(message)
            except ProviderError as error:
                assert error.code in EXPECTED[fault], f"{fault} gave {error.code}"
                assert error.provider == provider.name
                _shows_nothing(error, message)
            else:
                raise AssertionError(f"{fault} gave no error")


def _shows_nothing(error: ProviderError, message: Message) -> None:
    shown = f"{error} {error!r} {error.public} {error.provider_code}"
    cause: BaseException | None = error.__cause__
    while cause is not None:
        shown += f" {cause} {cause!r}"
        cause = cause.__cause__
    hidden = (message.text, message.code, message.recipient, message.recipient.removeprefix("+"), message.user)
    assert not any(secret and secret in shown for secret in hidden), "an error shows the message"


CONTRACT: Final[tuple[Callable[[Case], Awaitable[None]], ...]] = (
    is_declared,
    names_unknown_settings,
    keeps_secrets,
    returns_a_receipt,
    sends_side_by_side,
    refuses_other_kinds,
    stops_twice,
    fails_as_told,
)
"""All checks."""
