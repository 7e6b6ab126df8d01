"""Which JOSE headers name a key of hookpoint's own: the cheap part of recognising own tokens."""

from __future__ import annotations

import asyncio
import binascii
import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.store import StoreUnavailable
from hookpoint.proxy.tokens.public_keys import PublicKeySet

_LONGEST: Final = 2048
_REMEMBERED: Final = 1024
_FOREIGN_FOR: Final = 60.0
# Own keys are named after their thumbprints: SHA-256 in base64url (RFC 7638 section 3).
_thumbprint = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch


class PublishedKeys(Protocol):
    """Where the public halves of hookpoint's own keys are found."""

    async def public_jwks(self) -> Sequence[Mapping[str, object]]:
        """All keys that tokens may still be signed with, those of other processes included; raises StoreUnavailable."""
        ...


class OwnHeaders:
    """Judges headers as they stand in tokens, encoded, and remembers the verdict.

    A key that is not known may have been made by another process a moment ago, so that the keys are read again then. A verdict
    that it is foreign holds for a minute, and longer while the store cannot be read.
    """

    def __init__(self, keys: PublishedKeys, *, clock: Callable[[], float] = time.time) -> None:
        self.keys = PublicKeySet(members=(), keys=())
        self._published = keys
        self._clock = clock
        self._ours: set[str] = set()
        self._foreign: dict[str, float] = {}
        self._reading = asyncio.Lock()
        self._begun = 0
        self._ended: tuple[int, StoreUnavailable | None] = (0, None)

    def surely_foreign(self, header: str) -> bool:
        """Whether it is known already that a header names none of our keys."""
        until = self._foreign.get(header)
        if until is not None and self._clock() < until:
            return True
        if header in self._ours or kid_of(header) is not None:
            return False
        if len(header) <= _LONGEST:
            self._remember_foreign(header)
        return True

    async def are_ours(self, header: str) -> bool:
        """Whether a header names a key of ours; raises StoreUnavailable when that cannot be told."""
        if header in self._ours:
            return True
        if self.surely_foreign(header):
            return False
        kid = kid_of(header) or ""
        if not self.keys.knows(kid):
            try:
                await self._read_again()
            except StoreUnavailable:
                if header in self._foreign:
                    return False
                raise
        if self.keys.knows(kid):
            self._remember_ours(header)
            return True
        self._remember_foreign(header)
        return False

    async def _read_again(self) -> None:
        """Read the keys once from now on; what began to be read before this call does not count, what others begin does."""
        before = self._begun
        async with self._reading:
            number, failure = self._ended
            if number <= before:
                number, failure = await self._read()
        if failure is not None:
            raise StoreUnavailable(str(failure)) from failure

    async def _read(self) -> tuple[int, StoreUnavailable | None]:
        self._begun += 1
        number, failure = self._begun, None
        try:
            self.keys = PublicKeySet.parse(write_json({"keys": list(await self._published.public_jwks())}))
        except StoreUnavailable as error:
            failure = error
        self._ended = (number, failure)
        return self._ended

    def _remember_ours(self, header: str) -> None:
        if len(self._ours) >= _REMEMBERED:
            self._ours.clear()
        self._ours.add(header)
        self._foreign.pop(header, None)

    def _remember_foreign(self, header: str) -> None:
        self._foreign.pop(header, None)
        while len(self._foreign) >= _REMEMBERED:
            del self._foreign[next(iter(self._foreign))]
        self._foreign[header] = self._clock() + _FOREIGN_FOR


def kid_of(header: str) -> str | None:
    """The kid in an encoded header, when it may be that of an own key; None for everything else."""
    if not header.startswith("eyJ") or len(header) > _LONGEST:
        return None
    try:
        members = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    kid = members.get("kid") if isinstance(members, dict) else None
    return kid if isinstance(kid, str) and _thumbprint(kid) else None
