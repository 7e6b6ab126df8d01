"""A simulated clock, hooks that are told what to do, and durable delivery between them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hookpoint.hooks import PostUserRegistration, Registry, User, hooks_of_functions, post_user_registration
from hookpoint.hooks.deliveries import Database, Deliveries

_numbers = itertools.count(1)


@dataclass
class Clock:
    """Time that passes when it is told to; seconds since 1970."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Receiver:
    """A hook that notes what it was told, and fails as long as `failure` is set."""

    name: str = "welcome"
    seen: list[str] = field(default_factory=list)
    attempts: int = 0
    failure: Exception | None = None

    def hook(self, **options: Any) -> Callable[..., Any]:
        @post_user_registration(name=self.name, **options)
        async def receive(event: PostUserRegistration) -> None:
            self.attempts += 1
            if self.failure is not None:
                raise self.failure
            self.seen.append(event.id)

        return receive


def deliveries_of(database: Database, *hooks: Callable[..., Any], clock: Clock, **options: Any) -> Deliveries:
    registry = Registry(hooks_of_functions(hooks))
    return Deliveries(database, registry, clock=clock, rng=random.Random(1), **options)


def registration(event_id: str | None = None, **user: Any) -> PostUserRegistration:
    """The event of a sign-up; each with an id of its own."""
    return PostUserRegistration(id=event_id or f"event-{next(_numbers)}", user=User(email="ada@example.com", **user))
