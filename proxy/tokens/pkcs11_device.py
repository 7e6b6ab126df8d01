"""The blocking half of signing in a device: the module, its sessions and the key (PKCS#11, OASIS, version 2.40)."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pkcs11
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from joserfc.jwk import ECKey, RSAKey
from pkcs11.exceptions import PKCS11Error, UserAlreadyLoggedIn
from pkcs11.util.ec import encode_ec_public_key

from hookpoint.proxy.tokens.algorithms import ALGORITHMS, AsymmetricKey
from hookpoint.proxy.tokens.errors import SigningKeyError

_COORDINATE: Final = 32  # bytes of r and of s on P-256 (RFC 7518 section 3.4)
_KEY_TYPES: Final = {"RS256": pkcs11.KeyType.RSA, "ES256": pkcs11.KeyType.EC}

log = structlog.get_logger(__name__)
_module_locks: Final[dict[Path, threading.Lock]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKey:
    """Where a key is found: the module's library, the token and its PIN, and the label that both of its halves carry."""

    module: Path
    token_label: str
    pin: str | None = field(repr=False)
    key_label: str
    algorithm: str


class Device:
    """Signs with one key, over one session.

    The package initialises modules for one thread at a time (PKCS#11 section 5.4, C_Initialize without arguments), so
    that all calls into a module stand in line.
    """

    def __init__(self, where: DeviceKey) -> None:
        self.where: Final = where
        self._lock = _module_locks.setdefault(where.module, threading.Lock())
        self._session: pkcs11.Session | None = None
        self._key: pkcs11.SignMixin | None = None

    def public_key(self) -> AsymmetricKey:
        """Return the public half; raises SigningKeyError."""
        with self._errors(), self._lock:
            key = self._find(pkcs11.ObjectClass.PUBLIC_KEY)
            found = _ec(key) if self.where.algorithm == "ES256" else _rsa(key)
        if not ALGORITHMS[self.where.algorithm].fits(found):
            raise SigningKeyError(f"the key '{self.where.key_label}' in the device cannot sign {self.where.algorithm}")
        return found

    def sign(self, data: bytes) -> bytes:
        """Return the signature as JOSE has it, over a new session if the old one is gone; raises SigningKeyError."""
        with self._errors(), self._lock:
            try:
                return self._sign(data)
            except PKCS11Error as error:
                log.warning("pkcs11_session_lost", reason=_described(error))
                self._forget()
                return self._sign(data)

    def close(self) -> None:
        """Log out and close the session."""
        with self._lock:
            self._forget()

    def _sign(self, data: bytes) -> bytes:
        if self._key is None:
            self._key = self._find(pkcs11.ObjectClass.PRIVATE_KEY)
        if self.where.algorithm == "RS256":
            return bytes(self._key.sign(data, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))
        # Every device that knows ECDSA knows it over a digest; not every one computes the digest too.
        return raw_signature(bytes(self._key.sign(hashlib.sha256(data).digest(), mechanism=pkcs11.Mechanism.ECDSA)))

    def _find(self, kind: pkcs11.ObjectClass) -> Any:
        if self._session is None:
            self._session = self._open()
        return self._session.get_key(
            object_class=kind, key_type=_KEY_TYPES[self.where.algorithm], label=self.where.key_label
        )

    def _open(self) -> pkcs11.Session:
        token = pkcs11.lib(str(self.where.module)).get_token(token_label=self.where.token_label)
        try:
            return token.open(user_pin=self.where.pin)
        except UserAlreadyLoggedIn:  # a program logs in once, for all of its sessions
            return token.open()

    def _forget(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            with contextlib.suppress(PKCS11Error):
                session.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (PKCS11Error, RuntimeError) as error:
            where = f"the key '{self.where.key_label}' of the token '{self.where.token_label}'"
            raise SigningKeyError(f"{where} cannot be used: {_described(error)}") from error


def raw_signature(signature: bytes) -> bytes:
    """Return an ECDSA signature as r and s (RFC 7518 section 3.4), also where a device answers in DER."""
    if len(signature) == 2 * _COORDINATE:
        return signature
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(_COORDINATE) + s.to_bytes(_COORDINATE)
    except (ValueError, OverflowError):
        raise SigningKeyError(f"the device answered {len(signature)} bytes that are no signature on P-256") from None


def _ec(key: pkcs11.Key) -> ECKey:
    try:
        return ECKey.import_key(load_der_public_key(encode_ec_public_key(key)))  # type: ignore[arg-type]
    except ValueError:
        raise SigningKeyError("the public half of the key in the device cannot be read") from None


def _rsa(key: pkcs11.Key) -> RSAKey:
    modulus, exponent = key[pkcs11.Attribute.MODULUS], key[pkcs11.Attribute.PUBLIC_EXPONENT]
    numbers = RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus))
    return RSAKey.import_key(numbers.public_key())


def _described(error: Exception) -> str:
    # The package's errors have their meaning in their names.
    return ": ".join(filter(None, (type(error).__name__, str(error))))
