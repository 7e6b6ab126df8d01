"""When an own key is published, signs, and goes: a matter of times alone, the same for everyone who knows the keys.

A key is *pending* (published, not signing), then *active*, then *retired* (published, not signing) from the moment its
successor is active, and *removed* when no token can live that it signed. Nothing has to happen for a key to pass from one
state to the next, so that all processes agree without talking.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

KeyState = Literal["pending", "active", "retired", "removed"]

REFRESH: Final = 30.0
"""How old, in seconds, what a process knows of the keys becomes before it reads them again."""
STALE: Final = 24 * 3600.0
"""How long, in seconds, a process goes on with the keys it knows while the store cannot be read."""
RETENTION: Final = STALE + 24 * 3600.0
"""How long, in seconds, a retired key stays published at least: some process may not have heard of its successor."""
MEMORY: Final = 30 * 24 * 3600.0
"""How long, in seconds, the public half of a removed key is known, to recognise tokens that come back late."""
LEEWAY: Final = 300.0
"""What verifiers may allow beyond `exp`, the difference of clocks, and expiries not noted yet, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTimes:
    """What decides over a key; in whole seconds since 1970. `last_exp` is the latest `exp` it signed, 0 for none."""

    kid: str
    algorithm: str
    created_at: int
    active_at: int
    last_exp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """In seconds: how long a key is published before it signs, and how long it signs (0: until someone rotates)."""

    publish_delay: float = 900.0
    rotation: float = 90 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The state of a key, since when, and until when as far as is known; in seconds since 1970."""

    state: KeyState
    since: float
    until: float | None


def phases(keys: Iterable[KeyTimes], now: float) -> Mapping[str, Phase]:
    """Return the phase of each key by its kid. Every algorithm has one active key."""
    found: dict[str, Phase] = {}
    for group in _successions(keys):
        for place, key in enumerate(group):
            successor = group[place + 1].active_at if place + 1 < len(group) else None
            # The first one has nobody to wait for, whatever a slow clock says.
            found[key.kid] = _phase(key, successor, math.inf if place == 0 else now, now)
    return found


def first_active_at(keys: Iterable[KeyTimes], now: float) -> int | None:
    """When the first key of an algorithm may sign: at once, nobody knows another one; None when it is not the first."""
    return None if any(True for _ in keys) else int(now)


def pending_active_at(keys: Iterable[KeyTimes], now: float, policy: KeyPolicy) -> int:
    """When a key that is stored now may sign: at once if it is the first, else when everybody knows it."""
    first = first_active_at(keys, now)
    return math.ceil(now + policy.publish_delay + REFRESH) if first is None else first


def rotation_at(keys: Sequence[KeyTimes], now: float, policy: KeyPolicy) -> int | None:
    """When the successor is to be active that has to be stored now; None while none has to be."""
    known = phases(keys, now)
    if policy.rotation <= 0 or not keys or any(phase.state == "pending" for phase in known.values()):
        return None
    since = next(phase.since for phase in known.values() if phase.state == "active")
    active_at = pending_active_at(keys, now, policy)
    return active_at if active_at >= since + policy.rotation else None


def removed(keys: Iterable[KeyTimes], now: float, *, age: float = 0.0) -> frozenset[str]:
    """The kids of the keys that were removed `age` seconds ago or earlier."""
    found = phases(keys, now)
    return frozenset(kid for kid, phase in found.items() if phase.state == "removed" and now >= phase.since + age)


def _successions(keys: Iterable[KeyTimes]) -> Iterable[list[KeyTimes]]:
    groups: dict[str, list[KeyTimes]] = defaultdict(list)
    for key in sorted(keys, key=lambda key: (key.active_at, key.created_at, key.kid)):
        groups[key.algorithm].append(key)
    return groups.values()


def _phase(key: KeyTimes, successor: int | None, begins: float, now: float) -> Phase:
    if begins < key.active_at:
        return Phase(state="pending", since=key.created_at, until=key.active_at)
    if successor is None or now < successor:
        return Phase(state="active", since=key.active_at, until=successor)
    removal = max(successor + RETENTION, key.last_exp) + LEEWAY
    if now < removal:
        return Phase(state="retired", since=successor, until=removal)
    return Phase(state="removed", since=removal, until=None)
