"""Rate limits and caps, as data; the counting is done by a store."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from hookpoint.providers.counters import Charge
from hookpoint.providers.message import Message
from hookpoint.providers.numbers import Number

Scope = Literal["number", "prefix", "ip", "user", "client", "country", "all"]
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``count`` messages, or that cost, in ``window`` seconds for each number, prefix and so on."""

    scope: Scope
    count: int
    window: int
    unit: Literal["messages", "cost"] = "messages"
    """``cost`` counts millionths of the currency of the prices."""
    calendar: bool = False
    """Whole hours or days in UTC instead of the last ``window`` seconds."""
    enforced: bool = True
    """Otherwise it is only logged."""
    prefix_digits: int = 4
    """For ``prefix``: how many digits after the calling code."""
    countries: frozenset[str] = frozenset()
    """Only for numbers of these countries; empty for all."""

    def __post_init__(self) -> None:
        if self.count < 0 or self.window <= 0:
            raise ValueError("a limit needs a count of at least 0 and a positive window")

    @property
    def name(self) -> str:
        """Such as ``number: 5 messages in 600 s``."""
        where = f" in {','.join(sorted(self.countries))}" if self.countries else ""
        return f"{self.scope}{where}: {self.count} {self.unit} in {self.window} s"


DEFAULT_LIMITS = (
    Limit(scope="number", count=1, window=30),
    Limit(scope="number", count=5, window=10 * MINUTE),
    Limit(scope="number", count=20, window=DAY),
    Limit(scope="user", count=20, window=DAY),
    Limit(scope="ip", count=10, window=MINUTE),
    Limit(scope="ip", count=60, window=HOUR),
    Limit(scope="prefix", count=100, window=HOUR),
)
"""For servers whose users come from their own addresses; raise those of ``ip`` where many share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What one part of a message costs, in millionths of a currency, by country."""

    by_country: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    default: int = 0

    def of(self, country: str, parts: int) -> int:
        """The price of a message."""
        return self.by_country.get(country, self.default) * parts


class KeyMaker:
    """Turns what is counted into keys from which nobody can read a number, an address or a user.

    ``pepper`` is a secret of at least 16 bytes, the same on all machines: numbers are few enough to try them all.
    """

    def __init__(self, pepper: bytes) -> None:
        if len(pepper) < 16:
            raise ValueError("the pepper needs at least 16 bytes")
        self._pepper = pepper

    def key(self, *parts: str) -> str:
        """64 hexadecimal digits."""
        text = "\0".join(parts).encode("utf-8")
        return hmac.new(self._pepper, text, hashlib.sha256).hexdigest()


def network(ip: str) -> str:
    """The address that is counted: IPv4 as it is, IPv6 by its /64, which one subscriber gets."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Limits:
    """All limits of an installation."""

    def __init__(self, limits: Iterable[Limit], keys: KeyMaker, *, prices: Prices | None = None) -> None:
        self.limits = tuple(limits)
        self._keys = keys
        self._prices = prices or Prices()

    def charges(self, message: Message, number: Number, *, parts: int) -> list[Charge]:
        """What a message would count; limits whose subject the message does not tell are left out."""
        charges: list[Charge] = []
        for limit in self.limits:
            subject = _subject(limit, message, number)
            if subject is None or (limit.countries and number.country not in limit.countries):
                continue
            amount = 1 if limit.unit == "messages" else self._prices.of(number.country, parts)
            charges.append(
                Charge(
                    name=limit.name,
                    key=self._keys.key("limit", limit.name, subject),
                    limit=limit.count,
                    window=limit.window,
                    amount=amount,
                    calendar=limit.calendar,
                    enforced=limit.enforced,
                    # Whoever waits for a text that never came may ask again; what it cost, and how it was asked for, stays.
                    for_delivery=limit.unit == "messages" and limit.scope in ("number", "user"),
                )
            )
        return charges


def _subject(limit: Limit, message: Message, number: Number) -> str | None:
    match limit.scope:
        case "number":
            return number.e164
        case "prefix":
            return number.prefix(limit.prefix_digits)
        case "ip":
            return network(message.ip) if message.ip else None
        case "user":
            return message.user
        case "client":
            return message.client
        case "country":
            return number.country
        case "all":
            return ""
