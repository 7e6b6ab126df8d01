"""Signing: the seam behind which a key may stand anywhere, and keys that stand in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol, Self

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc.jwk import ECKey, OKPKey, RSAKey

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.tokens.algorithms import ALGORITHMS, RSA_BITS, Algorithm, AsymmetricKey
from hookpoint.proxy.tokens.compact import encode_segment
from hookpoint.proxy.tokens.errors import SigningKeyError

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


class Signer(Protocol):
    """Signs with one key. `kid` and `algorithm` are what its tokens carry in their headers."""

    @property
    def kid(self) -> str: ...

    @property
    def algorithm(self) -> str: ...

    async def sign(self, header: Mapping[str, object], payload: bytes) -> str:
        """Return a compact JWS over exactly these payload bytes; `alg` and `kid` of the header are the signer's own."""
        ...


class PublishedSigner(Signer, Protocol):
    """A signer whose key nobody else publishes."""

    def public_jwk(self) -> Mapping[str, object]:
        """Return the key as it is published (RFC 7517 section 4)."""
        ...

    async def aclose(self) -> None:
        """Give back what the signer alone uses."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key that serves one algorithm; its kid is the RFC 7638 thumbprint: equal keys have equal kids."""

    kid: str
    algorithm: Algorithm
    key: AsymmetricKey = field(repr=False)

    @classmethod
    def of(cls, private_key: PrivateKey, algorithm: str) -> Self:
        """Bind a key to an algorithm; raises SigningKeyError where type, curve or size do not fit."""
        if algorithm not in ALGORITHMS:
            raise SigningKeyError(f"'{algorithm}' is not one of {', '.join(ALGORITHMS)}")
        key = _key(private_key)
        if not ALGORITHMS[algorithm].fits(key):
            raise SigningKeyError(f"{_described(private_key)} cannot sign with {algorithm}")
        return cls(kid=key.thumbprint(), algorithm=ALGORITHMS[algorithm], key=key)

    def public_jwk(self) -> Mapping[str, object]:
        """Return the key as it is published (RFC 7517 section 4)."""
        return {**self.key.as_dict(private=False), "use": "sig", "alg": self.algorithm.name, "kid": self.kid}

    def private_jwk(self) -> Mapping[str, object]:
        return {**self.key.as_dict(private=True), "alg": self.algorithm.name}


def _key(private_key: PrivateKey) -> AsymmetricKey:
    if isinstance(private_key, RSAPrivateKey):
        if private_key.key_size not in RSA_BITS:
            raise SigningKeyError(
                f"{_described(private_key)} is too small or too large; RSA starts at {RSA_BITS[0]} bits"
            )
        return RSAKey.import_key(private_key)
    if isinstance(private_key, EllipticCurvePrivateKey):
        if private_key.curve.name not in ("secp256r1", "secp384r1", "secp521r1"):
            raise SigningKeyError(f"{_described(private_key)} is of a curve that is not used here")
        return ECKey.import_key(private_key)
    return OKPKey.import_key(private_key)


def _described(key: PrivateKey) -> str:
    if isinstance(key, RSAPrivateKey):
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, EllipticCurvePrivateKey):
        return f"an EC key on {key.curve.name}"
    return "an Ed25519 key"


class LocalSigner:
    """Signs in this process: RSA, which takes long and frees the interpreter, in a pool, the others in place."""

    def __init__(self, key: SigningKey, pool: Executor) -> None:
        self._key = key
        self._pool = pool if key.algorithm.key_type == "RSA" else None

    @property
    def kid(self) -> str:
        return self._key.kid

    @property
    def algorithm(self) -> str:
        return self._key.algorithm.name

    def public_jwk(self) -> Mapping[str, object]:
        return self._key.public_jwk()

    async def sign(self, header: Mapping[str, object], payload: bytes) -> str:
        protected = {**header, "alg": self.algorithm, "kid": self.kid}
        signing_input = encode_segment(write_json(protected)) + b"." + encode_segment(payload)
        sign = self._key.algorithm.model.sign
        if self._pool is None:
            signature = sign(signing_input, self._key.key)
        else:
            signature = await asyncio.get_running_loop().run_in_executor(self._pool, sign, signing_input, self._key.key)
        return (signing_input + b"." + encode_segment(signature)).decode("ascii")

    async def aclose(self) -> None:
        """Leave the pool to its owner."""
