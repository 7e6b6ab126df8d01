"""Private keys at rest: AES-256-GCM under a key that is derived from a secret outside of the store."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hookpoint.proxy.tokens.errors import SigningKeyError

_NONCE: Final = 12


class KeySeal:
    """Seals with one secret, and opens what was sealed with it or with an older one.

    Secrets are texts of high entropy: the derivation (HKDF, RFC 5869) does not slow down who guesses.
    """

    def __init__(self, secret: str, old: Sequence[str] = ()) -> None:
        self._boxes = {seal_id(each): AESGCM(_derive(each, b"key", 32)) for each in (*old, secret)}
        self.id: Final = seal_id(secret)

    def seal(self, text: str, *, kid: str) -> str:
        """Return the text sealed for the row of a kid; in another row it does not open."""
        nonce = secrets.token_bytes(_NONCE)
        return urlsafe_b64encode(nonce + self._boxes[self.id].encrypt(nonce, text.encode(), kid.encode())).decode()

    def open(self, sealed: str, *, kid: str, seal: str) -> str:
        """Return what was sealed under the seal id; raises SigningKeyError."""
        if seal not in self._boxes:
            raise SigningKeyError(
                f"the stored key {kid} was sealed with another secret than store.seal; name that one in store.seal_old"
            )
        try:
            data = urlsafe_b64decode(sealed)
            return self._boxes[seal].decrypt(data[:_NONCE], data[_NONCE:], kid.encode()).decode()
        except (InvalidTag, ValueError):
            raise SigningKeyError(f"the stored key {kid} was changed since it was sealed") from None


def seal_id(secret: str) -> str:
    """Return what names a secret in the store and tells nothing of it."""
    return _derive(secret, b"id", 8).hex()


def _derive(secret: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"hookpoint signing keys " + purpose).derive(
        secret.encode()
    )
