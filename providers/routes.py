"""Routes as data: which messages they are for, and in which order their providers are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType

from hookpoint.providers.message import Kind, Message
from hookpoint.providers.numbers import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Matches when every condition that is set holds; an empty condition holds always."""

    providers: tuple[str, ...]
    countries: frozenset[str] = frozenset()
    """ISO 3166 alpha-2."""
    prefixes: tuple[str, ...] = ()
    """Of the E.164 number, with the plus sign."""
    purposes: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    clients: tuple[str, ...] = ()
    """Client ids, with ``*`` for any characters."""
    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """When set, the first provider is drawn in proportion (a missing weight is 0); the others follow in order."""
    next_after_rejection: bool = False
    """Ask the next provider when one rejects the message; nothing was sent, but the reason is usually the number."""
    resend_after_unknown: bool = False
    """Ask the next provider although the message may already be on its way; somebody may get two."""
    fallback_kinds: tuple[Kind, ...] = ()
    """Kinds to try, by their own routes, when nobody took this one: ``("voice",)``."""

    def __post_init__(self) -> None:
        if not self.providers:
            raise ValueError("a route needs a provider")
        if unknown := set(self.weights) - set(self.providers):
            raise ValueError("weights for providers that the route does not have: " + ", ".join(sorted(unknown)))
        if self.weights and (min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0):
            raise ValueError("weights must not be negative, and not all zero")

    def matches(self, message: Message, number: Number) -> bool:
        """Whether this route is for the message to that number."""
        return (
            (not self.countries or number.country in self.countries)
            and (not self.prefixes or number.e164.startswith(self.prefixes))
            and (not self.purposes or message.purpose in self.purposes)
            and (not self.kinds or message.kind in self.kinds)
            and (not self.clients or any(fnmatchcase(message.client or "", pattern) for pattern in self.clients))
        )

    def order(self, draw: Callable[[], float]) -> tuple[str, ...]:
        """The providers in the order in which to ask them; ``draw`` gives a number in [0, 1)."""
        if not self.weights:
            return self.providers
        mark = draw() * sum(self.weights.values())
        for name in self.providers:
            mark -= self.weights.get(name, 0.0)
            if mark < 0:
                return (name, *(other for other in self.providers if other != name))
        return self.providers
