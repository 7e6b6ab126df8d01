"""Private keys at rest, sealed under a secret outside of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hookpoint.proxy.store.seal import SealBroken, SealUnknown, TextSeal
from hookpoint.proxy.tokens.errors import SigningKeyError


class KeySeal:
    """Seals with one secret, and opens what was sealed with it or with an older one."""

    def __init__(self, secret: str, old: Sequence[str] = ()) -> None:
        self._seal = TextSeal(secret, old, use="signing keys")
        self.id: Final = self._seal.id

    def seal(self, text: str, *, kid: str) -> str:
        """Return the text sealed for the row of a kid; in another row it does not open."""
        return self._seal.seal(text, place=kid)

    def open(self, sealed: str, *, kid: str, seal: str) -> str:
        """Return what was sealed under the seal id; raises SigningKeyError."""
        try:
            return self._seal.open(sealed, place=kid, seal=seal)
        except SealUnknown:
            raise SigningKeyError(
                f"the stored key {kid} was sealed with another secret than store.seal; name that one in store.seal_old"
            ) from None
        except SealBroken:
            raise SigningKeyError(f"the stored key {kid} was changed since it was sealed") from None
