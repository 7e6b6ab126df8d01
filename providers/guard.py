"""Everything that is asked of a message before a provider is: number, limits, budgets, test numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import structlog

from hookpoint.providers import segments
from hookpoint.providers.budgets import Budgets
from hookpoint.providers.counters import Charge, Counters
from hookpoint.providers.errors import LimitExceeded
from hookpoint.providers.limits import Limits
from hookpoint.providers.message import Message
from hookpoint.providers.numbers import Number, NumberPolicy

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TestNumber:
    """A number that nothing is ever sent to, until the end of a day in UTC; ``provider`` is who keeps its messages, if anybody."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    number: str
    until: date
    provider: str | None = None

    def __repr__(self) -> str:
        return f"TestNumber(until={self.until})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A message that may be sent. ``test`` is set for test numbers: then nothing is to be sent."""

    message: Message
    number: Number
    parts: int
    at: float
    charges: tuple[Charge, ...] = ()
    test: TestNumber | None = None


class Guard:
    """Admits or refuses messages; ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        counters: Counters,
        *,
        numbers: NumberPolicy | None = None,
        limits: Limits | None = None,
        budgets: Budgets | None = None,
        test_numbers: Iterable[TestNumber] = (),
        many_parts: int = 2,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._counters = counters
        self._numbers = numbers or NumberPolicy()
        self._limits = limits
        self._budgets = budgets
        self._tests = {test.number: test for test in test_numbers}
        self._many_parts = many_parts
        self._clock = clock

    async def admit(self, message: Message) -> Admission:
        """Normalise the recipient and count the message.

        Raises:
            InvalidNumber, NumberRefused: nothing was counted.
            LimitExceeded: nothing was counted; ``retry_after`` says when one more fits.
        """
        now = self._clock()
        test = self._test(message.recipient, now)
        counted = segments.count(message.text)
        number = self._numbers.check(message.recipient) if test is None else _test_number(test)
        message = replace(message, recipient=number.e164)
        if test is not None:
            return Admission(message=message, number=number, parts=counted.parts, at=now, test=test)
        if counted.parts >= self._many_parts:
            log.warning("sms_of_many_parts", parts=counted.parts, encoding=counted.encoding, purpose=message.purpose)
        charges = self._limits.charges(message, number, parts=counted.parts) if self._limits else []
        if self._budgets is not None:
            charges += await self._budgets.charges(number, message.ip, now=now)
        taken = await self._counters.take(charges, now=now)
        for over in taken.noted:
            log.warning("sms_limit_passed", limit=over.charge.name, country=number.country)
        if taken.refused is not None:
            raise LimitExceeded(taken.refused.charge.name, retry_after=taken.refused.retry_after)
        return Admission(message=message, number=number, parts=counted.parts, at=now, charges=tuple(charges))

    async def give_back(self, charges: Iterable[Charge], *, at: float) -> None:
        """Uncount what was counted then for a message that reached nobody, so that a provider's failure is not the user's.

        All charges of the admission when the message was certainly not sent; when it was, and a report says that it was not
        delivered, those ``for_delivery``.
        """
        await self._counters.add([replace(each, amount=-each.amount) for each in charges], now=at)

    async def verified(self, recipient: str, *, ip: str | None = None) -> None:
        """Somebody typed in the right code for this number."""
        if self._test(recipient, self._clock()) is not None:
            return
        number = self._numbers.check(recipient)
        if self._budgets is not None:
            await self._budgets.verified(number, ip, now=self._clock())

    def _test(self, recipient: str, now: float) -> TestNumber | None:
        test = self._tests.get(recipient) or self._tests.get(f"+{recipient}")
        if test is None or datetime.fromtimestamp(now, UTC).date() > test.until:
            return None
        return test


def _test_number(test: TestNumber) -> Number:
    # Test numbers are often such that no plan has them, which is the point of them.
    return Number(e164=test.number, country="001", calling_code=0, type="test")
