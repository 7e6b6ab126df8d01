"""JWK sets as they arrive (RFC 7517): which keys may verify signatures, and which make the whole set unusable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.tokens.algorithms import ALGORITHMS, RSA_BITS, AsymmetricKey, same_algorithm
from hookpoint.proxy.tokens.errors import KeySetInvalid

MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
# A token that names no key is tried with this many: more would let one token cost many verifications.
MAX_TRIES: Final = 4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key that may verify; `algorithm` is what the set declares, `material` the RFC 7638 thumbprint."""

    kid: str | None
    algorithm: str | None
    material: str
    key: AsymmetricKey

    def serves(self, algorithm: str) -> bool:
        declared = self.algorithm is None or same_algorithm(self.algorithm, algorithm)
        return declared and ALGORITHMS[algorithm].fits(self.key)


class KeySource(Protocol):
    """Where a verifier finds keys."""

    async def find(self, kid: str | None, algorithm: str) -> Sequence[VerificationKey]:
        """Return the keys a token with this kid and algorithm may be verified with; raises KeysUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeySet:
    """A key set that was read: `members` are all its keys as they stood there, `keys` those that may verify."""

    members: Sequence[Mapping[str, object]]
    keys: Sequence[VerificationKey]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a JWK set of at most 256 KiB and 100 keys; raises KeySetInvalid.

        Keys of another use, of unknown type, symmetric, malformed or of a forbidden size are passed over (RFC 7517
        section 5). One kid for two different keys refuses the set, because either could be the forged one.
        """
        try:
            members = JsonObject.parse(body, max_bytes=MAX_BYTES).members.get("keys")
        except JsonError as error:
            raise KeySetInvalid(f"the key set is not strict JSON: {error}") from None
        if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
            raise KeySetInvalid("the key set has no list of keys")
        if len(members) > MAX_KEYS:
            raise KeySetInvalid(f"the key set has {len(members)} keys, {MAX_KEYS} are allowed")
        keys = tuple(key for member in members if (key := _verification_key(member)))
        _check_kids(keys)
        return cls(members=tuple(members), keys=keys)

    def candidates(self, kid: str | None, algorithm: str) -> Sequence[VerificationKey]:
        """Return the keys for a kid, or the first few that fit the algorithm for a token without one."""
        fitting = [key for key in self.keys if key.serves(algorithm)]
        if kid is None:
            return fitting[:MAX_TRIES]
        return [key for key in fitting if key.kid == kid]

    def knows(self, kid: str) -> bool:
        return any(key.kid == kid for key in self.keys)

    async def find(self, kid: str | None, algorithm: str) -> Sequence[VerificationKey]:
        return self.candidates(kid, algorithm)


def material(member: Mapping[str, object]) -> str | None:
    """Return the RFC 7638 thumbprint of a published key, or None for a key of a type that is not used here."""
    key = _public_key(member)
    return None if key is None else key.thumbprint()


def _check_kids(keys: Sequence[VerificationKey]) -> None:
    materials: dict[str, str] = {}
    for key in keys:
        if key.kid is not None and materials.setdefault(key.kid, key.material) != key.material:
            raise KeySetInvalid(f"the key set has two different keys with the kid {key.kid[:100]!r}")


def _verification_key(member: Mapping[str, object]) -> VerificationKey | None:
    kid, algorithm, operations = member.get("kid"), member.get("alg"), member.get("key_ops", ["verify"])
    if member.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    if not isinstance(kid, str | None) or not isinstance(algorithm, str | None):
        return None
    if (key := _public_key(member)) is None:
        return None
    return VerificationKey(kid=kid, algorithm=algorithm, material=key.thumbprint(), key=key)


def _public_key(member: Mapping[str, object]) -> AsymmetricKey | None:
    """Import nothing but the public parameters, so that no other member of a key has a say."""
    try:
        match member:
            case {"kty": "RSA", "n": str(n), "e": str(e)}:
                return _rsa_key(n, e)
            case {"kty": "EC", "crv": str(curve), "x": str(x), "y": str(y)}:
                return ECKey.import_key(ECKey.import_key({"kty": "EC", "crv": curve, "x": x, "y": y}).public_key)
            case {"kty": "OKP", "crv": "Ed25519", "x": str(x)}:
                return OKPKey.import_key(OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x}).public_key)
    except (JoseError, ValueError, KeyError) as error:
        log.warning("upstream_key_ignored", kid=member.get("kid"), kty=member.get("kty"), reason=type(error).__name__)
    return None


def _rsa_key(modulus: str, exponent: str) -> RSAKey | None:
    key = RSAKey.binding.import_public_key({"n": modulus, "e": exponent})
    return RSAKey.import_key(key) if key.key_size in RSA_BITS else None
