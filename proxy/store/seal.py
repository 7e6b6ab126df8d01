"""Texts at rest: AES-256-GCM under a key that is derived from a secret outside of the store."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE: Final = 12


class SealUnknown(Exception):  # noqa: N818 - names the state
    """A text was sealed with a secret that is not at hand."""


class SealBroken(Exception):  # noqa: N818 - names the state
    """A sealed text was changed, or stands in another place than it was sealed for."""


class TextSeal:
    """Seals with one secret, and opens what was sealed with it or with an older one.

    `use` keeps the keys of one use apart from those of others. Secrets are texts of high entropy: the derivation (HKDF, RFC 5869) does
    not slow down who guesses.
    """

    def __init__(self, secret: str, old: Sequence[str] = (), *, use: str) -> None:
        self._boxes = {_id(each, use): AESGCM(_derive(each, use, "key", 32)) for each in (*old, secret)}
        self._digest = _derive(secret, use, "digest", 32)
        self.id: Final = _id(secret, use)

    def seal(self, text: str, *, place: str) -> str:
        """Return the text sealed for one place; in another it does not open."""
        nonce = secrets.token_bytes(_NONCE)
        return urlsafe_b64encode(nonce + self._boxes[self.id].encrypt(nonce, text.encode(), place.encode())).decode()

    def open(self, sealed: str, *, place: str, seal: str) -> str:
        """Return what was sealed under the seal id; raises SealUnknown and SealBroken."""
        if seal not in self._boxes:
            raise SealUnknown
        try:
            data = urlsafe_b64decode(sealed)
            return self._boxes[seal].decrypt(data[:_NONCE], data[_NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def digest(self, text: str) -> bytes:
        """32 bytes that are the same for the same text, and lead to it only with the secret."""
        return hmac.digest(self._digest, text.encode(), "sha256")


def _id(secret: str, use: str) -> str:
    """What names a secret in the store and tells nothing of it."""
    return _derive(secret, use, "id", 8).hex()


def _derive(secret: str, use: str, purpose: str, length: int) -> bytes:
    info = f"hookpoint {use} {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret.encode())
