"""The last good answers of a hook, to be given once more when it cannot be asked.

An answer is kept for the event that it was given for: everything that the hook was told counts, but for the id of the request and
the claims that differ in every token. It is kept in memory, for a limited time, and only at points for tokens: a sign-up, a message or a
delivery happens once, and what was right for one says nothing about another.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hookpoint.hooks.points import AnyPoint, credentials_exchange, token_issuance
from hookpoint.hooks.results import Deny, TokenChanges
from hookpoint.hooks.wire import event_to_json

POINTS: Final[tuple[AnyPoint, ...]] = (credentials_exchange, token_issuance)
VOLATILE_CLAIMS: Final = frozenset(
    {"iat", "nbf", "exp", "jti", "auth_time", "nonce", "at_hash", "c_hash", "s_hash", "sid"}
)
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a hook answered: changes, None for none, or a Deny."""

    changes: TokenChanges | None = None
    denial: tuple[str, str, str | None] | None = None

    def replay(self) -> TokenChanges | None:
        """The changes; raises Deny."""
        if self.denial is not None:
            raise Deny(*self.denial)
        return self.changes


class Remembered:
    """Decisions by event, each for `age` seconds; the oldest go first when there are too many."""

    def __init__(self, age: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._age = age
        self._clock = clock
        self._decisions: OrderedDict[bytes, tuple[Decision, float]] = OrderedDict()

    def keep(self, key: bytes, decision: Decision) -> None:
        """Remember what an event came to."""
        self._decisions[key] = (decision, self._clock())
        self._decisions.move_to_end(key)
        if len(self._decisions) > _MOST:
            self._decisions.popitem(last=False)

    def find(self, key: bytes) -> tuple[Decision, float] | None:
        """What such an event came to, and how many seconds ago; None when that is too long ago, or never was."""
        found = self._decisions.get(key)
        if found is None:
            return None
        decision, kept_at = found
        age = self._clock() - kept_at
        if age > self._age:
            del self._decisions[key]
            return None
        return decision, age


def key_of(event: object) -> bytes:
    """The same for events that are the same but for what differs every time."""
    members: dict[str, Any] = event_to_json(event)
    members["request"] = {name: value for name, value in members["request"].items() if name != "id"}
    for kind in ("claims", "id_token_claims"):
        claims = members.get(kind) or {}
        members[kind] = {name: value for name, value in claims.items() if name not in VOLATILE_CLAIMS}
    return hashlib.sha256(json.dumps(members, sort_keys=True).encode()).digest()
