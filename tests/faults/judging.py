"""Figures of a drill, and the promises they are held against."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from tests.faults.faults import Fault
from tests.faults.load import PATIENCE, Asked
from tests.partners.resource_server import ALGORITHMS

_TRANSPORT = ("Error", "Timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What clients were told while one fault was there; `recovery` is in seconds from its end to the last error."""

    store: str
    fault: Fault
    asked: Sequence[Asked]
    recovery: float
    longest: float

    @property
    def errors(self) -> Counter[str]:
        """How many requests ended in which error."""
        return Counter(each.error for each in self.asked if each.error is not None)

    def broken(self) -> list[str]:
        """The promises that were not kept."""
        found = []
        wrong = [each.error for each in self.asked if each.wrong]
        if wrong:
            found.append(f"{len(wrong)} wrong answers: {sorted(set(map(str, wrong)))}")
        if self.longest >= PATIENCE:
            found.append(f"a request hung for {self.longest:.0f} s")
        if self.fault.silent and self.errors:
            found.append("clients noticed")
        if self.fault.bites and not self.errors:
            found.append("nobody noticed: the fault was not there")
        cut = [name for name in self.errors if name.endswith(_TRANSPORT)]
        if cut and not self.fault.cuts:
            found.append(f"connections broke: {', '.join(cut)}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What is left of a drill: deliveries that were due and done, tokens and those that no published key verifies."""

    store: str
    due: int
    done: int
    lost: Sequence[str]
    foreign: Sequence[str]
    tokens: int
    unverifiable: Sequence[str] = field(repr=False)
    tracebacks: Sequence[str]

    def broken(self) -> list[str]:
        """The promises that were not kept."""
        found = []
        if self.lost:
            found.append(f"{len(self.lost)} deliveries lost")
        if self.foreign:
            found.append(f"{len(self.foreign)} deliveries for sign-ups that the server does not know")
        if self.unverifiable:
            found.append(f"{len(self.unverifiable)} tokens do not verify: {self.unverifiable[0]}")
        if self.tracebacks:
            found.append(f"{len(self.tracebacks)} tracebacks in the log: {self.tracebacks[0]}")
        if not self.tokens or not self.due:
            found.append("nothing was asked for")
        return found


def unverifiable(tokens: Sequence[str], published: str, *, issuer: str, claim: str) -> list[str]:
    """Why tokens do not verify with a key set, for those that do not."""
    keys = KeySet.import_key_set(json.loads(published))
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        for token in tokens:
            try:
                claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            except (JoseError, ValueError) as error:
                found.append(repr(error))
                continue
            if claims["iss"] != issuer or claim not in claims:
                found.append("without the issuer or the hook's claim")
    return found
