"""Passwords: kept as scrypt hashes (RFC 7914), and held against a policy when they are chosen."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

MAX_LENGTH: Final = 256
_MIN_LENGTH: Final = 8
_MIN_KINDS: Final = 3
_SALT_BYTES: Final = 16
_KINDS: Final = {
    "lowerCase": "lower case letters (a-z)",
    "upperCase": "upper case letters (A-Z)",
    "numbers": "numbers (i.e. 0-9)",
    "specialCharacters": "special characters (e.g. !@#$%^&*)",
}
_LENGTH_RULE: Final = "At least %d characters in length"
_KINDS_RULE: Final = "Contain at least %d of the following %d types of characters:"
POLICY: Final = "\n".join(
    [
        f"* {_LENGTH_RULE % _MIN_LENGTH}",
        f"* {_KINDS_RULE % (_MIN_KINDS, len(_KINDS))}",
        *(f" * {kind}" for kind in _KINDS.values()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordHash:
    """What is kept of a password, with what is needed to compute it again."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordHasher:
    """scrypt with `cost` as its N; r is 8 and p is 5, which with the default takes about as long as OWASP asks for.

    Hashes are computed in other threads, so that the server goes on meanwhile.
    """

    cost: int = 2**14

    async def hash(self, password: str) -> PasswordHash:
        """A hash to keep."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return PasswordHash(salt=salt, digest=await self._digest(password, salt))

    async def matches(self, password: str, kept: PasswordHash | None) -> bool:
        """Whether a password is the one that was kept; None is nobody's, and takes as long."""
        known = kept or PasswordHash(salt=bytes(_SALT_BYTES), digest=b"")
        return secrets.compare_digest(await self._digest(password, known.salt), known.digest)

    async def _digest(self, password: str, salt: bytes) -> bytes:
        return await asyncio.to_thread(hashlib.scrypt, password.encode(), salt=salt, n=self.cost, r=8, p=5)


def find_weakness(password: str) -> dict[str, Any] | None:
    """Which rules of the policy a password breaks, in the form that Auth0's clients read; None when it is strong enough."""
    found = {
        "lowerCase": any(each.islower() for each in password),
        "upperCase": any(each.isupper() for each in password),
        "numbers": any(each.isdecimal() for each in password),
        "specialCharacters": any(not each.isalnum() for each in password),
    }
    long_enough, mixed = len(password) >= _MIN_LENGTH, sum(found.values()) >= _MIN_KINDS
    if long_enough and mixed:
        return None
    items = [{"code": code, "message": message, "verified": found[code]} for code, message in _KINDS.items()]
    return {
        "verified": False,
        "rules": [
            {"code": "lengthAtLeast", "message": _LENGTH_RULE, "format": [_MIN_LENGTH], "verified": long_enough},
            {
                "code": "containsAtLeast",
                "message": _KINDS_RULE,
                "format": [_MIN_KINDS, len(_KINDS)],
                "verified": mixed,
                "items": items,
            },
        ],
    }
