"""Seals a value so that only who has a certain secret can find and open it."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SealBroken(Exception):  # noqa: N818 - names the state
    """A sealed value was changed, or belongs to another secret."""

    code = "seal_broken"


@dataclass(frozen=True, slots=True)
class Seal:
    """What a secret leads to: the `id` under which a record is kept, and the key that opens it.

    Both come from HMAC-SHA-256 under salts of their own, the extraction of HKDF (RFC 5869 section 2.2): secrets here are tokens,
    with more than enough entropy, and knowing the id says nothing of the key.
    """

    kind: str
    id: bytes
    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, kind: str, secret: str) -> Seal:
        """The seal of a secret for records of one kind."""
        material = secret.encode()
        return cls(
            kind,
            hmac.digest(b"hookpoint record id " + kind.encode(), material, "sha256"),
            hmac.digest(b"hookpoint record key " + kind.encode(), material, "sha256"),
        )

    def close(self, value: bytes, random_bytes: Callable[[int], bytes] = os.urandom) -> bytes:
        """Encrypt a value (AES-256-GCM), bound to kind and id."""
        nonce = random_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, value, self._place)

    def open(self, box: bytes) -> bytes:
        """Decrypt what `close` made; raises SealBroken."""
        try:
            return AESGCM(self._key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], self._place)
        except (InvalidTag, ValueError):
            raise SealBroken(f"a record of kind {self.kind} cannot be opened") from None

    @property
    def _place(self) -> bytes:
        return self.kind.encode() + b"\x00" + self.id
