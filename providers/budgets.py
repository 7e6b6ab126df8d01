"""Conversion budgets against toll fraud: where few codes are ever typed in, few more are sent.

Whoever pumps traffic does not verify the codes. So each country and each address may have some unverified codes, and the
more of its codes were verified lately, the more of them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from hookpoint.providers.counters import Charge, Counters
from hookpoint.providers.limits import DAY, HOUR, KeyMaker, network
from hookpoint.providers.numbers import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many unverified codes are always fine, and which share of the verified ones on top of that."""

    day: int
    hour: int
    day_share: float = 0.3
    hour_share: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy:
    """``record`` counts and logs, ``deny`` refuses; begin with the former until the verified signals arrive."""

    mode: Literal["record", "deny"] = "record"
    country: Allowance = Allowance(day=20, hour=3)
    ip: Allowance = Allowance(day=10, hour=5)
    history_days: int = 14
    exempt_countries: frozenset[str] = frozenset()
    exempt_networks: tuple[str, ...] = ()
    """CIDR."""
    exempt_prefixes: tuple[str, ...] = ()
    """Of the E.164 number, with the plus sign."""

    def __post_init__(self) -> None:
        for cidr in self.exempt_networks:
            ipaddress.ip_network(cidr)

    def exempts(self, number: Number, ip: str | None) -> bool:
        """Whether a number or address is on an allow-list."""
        if number.country in self.exempt_countries:
            return True
        if self.exempt_prefixes and number.e164.startswith(self.exempt_prefixes):
            return True
        return ip is not None and any(_inside(ip, cidr) for cidr in self.exempt_networks)


class Budgets:
    """Computes budgets from what was verified, and keeps both counts."""

    def __init__(self, policy: BudgetPolicy, counters: Counters, keys: KeyMaker) -> None:
        self.policy = policy
        self._counters = counters
        self._keys = keys

    async def charges(self, number: Number, ip: str | None, *, now: float) -> list[Charge]:
        """What one more unverified code would count, with today's limits."""
        if self.policy.exempts(number, ip):
            return []
        subjects = self._subjects(number, ip)
        verified = [
            self._charge("verified", subject, value, window) for subject, value, _ in subjects for window in (DAY, HOUR)
        ]
        counted = await self._counters.read(verified, now=now, buckets=self.policy.history_days + 1)
        charges: list[Charge] = []
        for (subject, value, allowance), days, hours in zip(subjects, counted[::2], counted[1::2], strict=True):
            day, hour = limits(allowance, today=days[0], best=max(days[1:], default=0), this_hour=hours[0])
            charges.append(self._charge("unverified", subject, value, DAY, limit=day))
            charges.append(self._charge("unverified", subject, value, HOUR, limit=hour))
        return charges

    async def verified(self, number: Number, ip: str | None, *, now: float) -> None:
        """A code to this number was typed in correctly; ``ip`` is where the message was asked for."""
        charges = [
            self._charge(what, subject, value, window, amount=amount)
            for subject, value, _ in self._subjects(number, ip)
            for window in (DAY, HOUR)
            for what, amount in (("unverified", -1), ("verified", 1))
        ]
        await self._counters.add(charges, now=now)

    def _subjects(self, number: Number, ip: str | None) -> list[tuple[str, str, Allowance]]:
        subjects = [("country", number.country, self.policy.country)]
        if ip:
            subjects.append(("ip", network(ip), self.policy.ip))
        return subjects

    def _charge(self, what: str, subject: str, value: str, window: int, *, limit: int = 0, amount: int = 1) -> Charge:
        period = "day" if window == DAY else "hour"
        return Charge(
            name=f"budget of unverified codes per {subject} and {period}",
            key=self._keys.key("budget", what, subject, value),
            limit=limit,
            window=window,
            amount=amount,
            calendar=True,
            for_delivery=True,
            keep=self.policy.history_days * DAY if what == "verified" else 0,
            enforced=self.policy.mode == "deny",
        )


def limits(allowance: Allowance, *, today: int, best: int, this_hour: int) -> tuple[int, int]:
    """Unverified codes allowed today and this hour, from the verified ones of today, the best day before, and this hour."""
    day = max(allowance.day, int(best * allowance.day_share), int(today * allowance.day_share))
    hour = max(allowance.hour, int(best / 6 * allowance.hour_share), int(this_hour * allowance.hour_share))
    return day, hour


def _inside(ip: str, cidr: str) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return address in ipaddress.ip_network(cidr)
