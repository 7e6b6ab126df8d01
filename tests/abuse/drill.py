"""Many requests for codes from few addresses: who asks for what, and a recount of what was sent against every limit.

The recount knows nothing of how hookpoint counts: it looks at when messages went out, and takes the limits at their word.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hookpoint.providers.budgets import BudgetPolicy, limits
from hookpoint.providers.limits import DAY, DEFAULT_LIMITS, HOUR, Limit
from hookpoint.providers.numbers import parse

START: Final = 1_800_014_400.0
"""A full day and hour in UTC."""
PREFIXES: Final = {"DE": "+49151234", "US": "+1201555", "FR": "+3361234", "GB": "+44740012", "ES": "+3461234"}
LENGTHS: Final = {"DE": 13, "US": 11, "FR": 11, "GB": 12, "ES": 11}
LIMITS: Final = (*DEFAULT_LIMITS, Limit(scope="all", count=400, window=DAY, calendar=True))
BUDGETS: Final = BudgetPolicy(mode="deny")
SENT: Final = "sent"
_BETWEEN: Final = 8.0
"""Seconds between two requests, at most; half of it on average."""
VERIFIED: Final = 0.1
"""The share of codes that are typed in: of pumped traffic hardly any."""
_TOGETHER: Final = 20
"""How many requests are under way at once."""
_BEFORE_THE_HOUR: Final = 60
"""Seconds before the turn of an hour in which nothing is asked: what is under way then belongs to either hour."""

Ask = Callable[[str, str], Awaitable[str]]
"""Ask for a message to a number from an address; gives `SENT`, or why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """A message that went out some time between two moments; both are the same where the clock stands still."""

    number: str
    ip: str
    earliest: float
    latest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of a limit was used by whoever used most of it."""

    limit: str
    most: int
    allowed: int


@dataclass(slots=True, kw_only=True)
class Figures:
    """What came of a drill."""

    out: list[Out] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    budgets: list[Use] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def asked(self) -> int:
        """All requests."""
        return len(self.out) + self.refused.total()

    @property
    def countries(self) -> Counter[str]:
        """Messages sent by country."""
        return Counter(parse(each.number).country for each in self.out)

    def uses(self) -> list[Use]:
        """How much was used of every limit, and of every kind of budget."""
        most: dict[str, Use] = {}
        for each in self.budgets:
            known = most.get(each.limit)
            if known is None or each.most / each.allowed > known.most / known.allowed:
                most[each.limit] = each
        return [
            *(Use(limit=each.name, most=_most(each, self.out), allowed=each.count) for each in LIMITS),
            *most.values(),
        ]

    def broken(self) -> list[str]:
        """The limits that did not hold."""
        return [f"{each.limit}: {each.most} of {each.allowed}" for each in self.uses() if each.most > each.allowed]


async def drill(
    ask: Ask,
    verify: Callable[[str, str], Awaitable[None]],
    set_clock: Callable[[float], float],
    *,
    requests: int,
    numbers: int = 500,
    addresses: int = 20,
    verified: float = VERIFIED,
    clock_goes_on: bool = False,
    seed: int = 4711,
) -> Figures:
    """Ask that many times, over hours on the clock that `set_clock` sets, which is told a time and returns what it then is.

    `verify` says of the share `verified` of what was sent that its code was typed in. `clock_goes_on` says whether the clock runs by itself.
    """
    draw, figures, recount = random.Random(seed), Figures(), _Budgets()
    targets, ips = phone_numbers(numbers), [f"203.0.113.{number}" for number in range(addresses)]
    begun, now = time.monotonic(), START
    for _ in range(requests // _TOGETHER):
        now = set_clock(_outside_turns(now + draw.uniform(0, _BETWEEN * _TOGETHER)))
        round_ = [(draw.choice(targets), draw.choice(ips)) for _ in range(_TOGETHER)]
        began = time.monotonic()
        outcomes = await asyncio.gather(*(ask(*each) for each in round_))
        passed = [each for each, outcome in zip(round_, outcomes, strict=True) if outcome == SENT]
        figures.refused.update(outcome for outcome in outcomes if outcome != SENT)
        figures.budgets += recount.sent(passed, now)
        typed_in = [each for each in passed if draw.random() < verified]
        for number, ip in typed_in:
            await verify(number, ip)
        recount.verified(typed_in, now)
        ended = now + (time.monotonic() - began if clock_goes_on else 0.0)
        figures.out += [Out(number=number, ip=ip, earliest=now, latest=ended) for number, ip in passed]
        now = ended
    figures.seconds = time.monotonic() - begun
    return figures


def phone_numbers(count: int) -> list[str]:
    """Valid numbers, of each country in turn."""
    found = []
    for index in range(count):
        country = list(PREFIXES)[index % len(PREFIXES)]
        prefix = PREFIXES[country]
        found.append(prefix + str(index // len(PREFIXES)).rjust(LENGTHS[country] + 1 - len(prefix), "0"))
    return found


class _Budgets:
    """Counts by hand what is not verified, and what may be."""

    def __init__(self) -> None:
        self._unverified: Counter[tuple[str, str, int, int]] = Counter()
        self._verified: Counter[tuple[str, str, int, int]] = Counter()

    def sent(self, messages: Sequence[tuple[str, str]], now: float) -> list[Use]:
        """Count messages; returns what that made of each budget, which may only be as large as what was verified before allows."""
        touched: set[tuple[str, str]] = set()
        for number, ip in messages:
            for kind, value in _subjects(number, ip):
                touched.add((kind, value))
                for window in (DAY, HOUR):
                    self._unverified[kind, value, window, int(now // window)] += 1
        return [use for kind, value in sorted(touched) for use in self._uses(kind, value, now)]

    def verified(self, messages: Iterable[tuple[str, str]], now: float) -> None:
        """Codes were typed in."""
        for number, ip in messages:
            for kind, value in _subjects(number, ip):
                for window in (DAY, HOUR):
                    place = (kind, value, window, int(now // window))
                    self._unverified[place] = max(0, self._unverified[place] - 1)
                    self._verified[place] += 1

    def _uses(self, kind: str, value: str, now: float) -> Iterator[Use]:
        today, hour = int(now // DAY), int(now // HOUR)
        days = [self._verified[kind, value, DAY, today - age] for age in range(BUDGETS.history_days + 1)]
        allowed = limits(
            BUDGETS.country if kind == "country" else BUDGETS.ip,
            today=days[0],
            best=max(days[1:]),
            this_hour=self._verified[kind, value, HOUR, hour],
        )
        for name, window, bucket, most in (("day", DAY, today, allowed[0]), ("hour", HOUR, hour, allowed[1])):
            used = self._unverified[kind, value, window, bucket]
            yield Use(limit=f"budget of unverified codes per {kind} and {name}", most=used, allowed=most)


def _subjects(number: str, ip: str) -> tuple[tuple[str, str], ...]:
    return (("country", parse(number).country), ("ip", ip))


def _outside_turns(now: float) -> float:
    left = HOUR - now % HOUR
    return now + left if left < _BEFORE_THE_HOUR else now


def _most(limit: Limit, out: Iterable[Out]) -> int:
    """The most messages that one number, address and so on certainly had in one window."""
    by_subject: defaultdict[str, list[Out]] = defaultdict(list)
    for each in out:
        prefix = parse(each.number).prefix(limit.prefix_digits)
        subject = {"number": each.number, "ip": each.ip, "prefix": prefix, "all": "all"}.get(limit.scope)
        if subject is not None:  # nobody here tells a user
            by_subject[subject].append(each)
    counts = [0]
    for messages in by_subject.values():
        if limit.calendar:
            counts += Counter(int(each.earliest // limit.window) for each in messages).values()
        else:
            counts += _sliding(messages, limit.window)
    return max(counts)


def _sliding(messages: Sequence[Out], window: int) -> Iterator[int]:
    """For each message how many went out from then on within a window; they are in their order."""
    last = 0
    for index, first in enumerate(messages):
        while last < len(messages) and messages[last].latest - first.earliest < window:
            last += 1
        yield last - index
