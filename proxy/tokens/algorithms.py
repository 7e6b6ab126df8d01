"""The signature algorithms in use, each bound to one type of key and one curve (RFC 7518 section 3.1, RFC 9864)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from joserfc.jwa import JWS_ALGORITHMS, JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey

AsymmetricKey = RSAKey | ECKey | OKPKey

# RFC 7518 section 3.3 sets the lower bound; OpenSSL refuses to verify above the upper one.
RSA_BITS: Final = range(2048, 16384 + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One algorithm: `name` as in `alg`, the `kty` and `crv` its keys must have, and what computes it."""

    name: str
    key_type: str
    curve: str | None
    model: JWSAlgModel

    def fits(self, key: AsymmetricKey) -> bool:
        """Tell whether a key is of the type, curve and size of this algorithm (RFC 8725 section 3.1)."""
        if isinstance(key, RSAKey):
            return self.key_type == "RSA" and key.public_key.key_size in RSA_BITS
        return self.key_type == key.key_type and self.curve == key.curve_name


def _algorithms() -> Mapping[str, Algorithm]:
    models = {model.name: model for model in JWS_ALGORITHMS}
    curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "Ed25519": "Ed25519", "EdDSA": "Ed25519"}
    rsa = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    return MappingProxyType(
        {
            name: Algorithm(name=name, key_type=models[name].key_type, curve=curves.get(name), model=models[name])
            for name in (*rsa, *curves)
        }
    )


# Symmetric algorithms and `none` are missing on purpose: no configuration can let them in.
ALGORITHMS: Final = _algorithms()
ALL: Final = frozenset(ALGORITHMS)


def same_algorithm(declared: str, used: str) -> bool:
    """Tell whether a key declared for one name serves the other; RFC 9864 renamed EdDSA on this curve to Ed25519."""
    return declared == used or {declared, used} == {"EdDSA", "Ed25519"}
