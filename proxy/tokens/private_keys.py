"""Own keys, freshly made or as text: PEM, a JWK or a JWK set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.tokens.algorithms import ALGORITHMS
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.signer import PrivateKey, SigningKey

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_GENERATED_CURVES: Final[Mapping[str, Callable[[], ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}
RSA_GENERATED_BITS: Final = 2048
_PARAMETERS = frozenset({"kty", "n", "e", "d", "p", "q", "dp", "dq", "qi", "crv", "x", "y"})
_SHORTEST_MODULUS = 342  # 2048 bits in base64url


def generate_key(algorithm: str) -> PrivateKey:
    """Make a key for an algorithm: RSA of 2048 bits, or the algorithm's curve."""
    wanted = ALGORITHMS[algorithm]
    if wanted.key_type == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_GENERATED_BITS)
    if wanted.key_type == "EC" and wanted.curve is not None:
        return ec.generate_private_key(_GENERATED_CURVES[wanted.curve]())
    return Ed25519PrivateKey.generate()


def read_keys(data: bytes, algorithm: str | None = None) -> Sequence[SigningKey]:
    """Read the private keys of a PEM text (one), a JWK (one) or a JWK set.

    `algorithm` is for keys that do not name theirs; without it RSA keys serve RS256 and the others the one algorithm of
    their curve. The kids that JWKs carry do not count: a kid is the key's thumbprint. Raises SigningKeyError.
    """
    if data.lstrip().startswith(b"{"):
        return _from_json(data, algorithm)
    return (_bound(_from_pem(data), algorithm),)


def private_key(jwk: Mapping[str, object]) -> PrivateKey:
    """Return the private key of a JWK; raises SigningKeyError."""
    parameters: dict[str, str | list[str]] = {
        name: value for name, value in jwk.items() if name in _PARAMETERS and isinstance(value, str)
    }
    if "d" not in parameters:
        raise SigningKeyError("the key has no private part ('d')")
    try:
        match jwk.get("kty"):
            case "RSA" if len(parameters["n"]) < _SHORTEST_MODULUS:
                raise SigningKeyError("the RSA key is too small; RSA starts at 2048 bits")
            case "RSA":
                return _checked(RSAKey.import_key(parameters).private_key)
            case "EC":
                return _checked(ECKey.import_key(parameters).private_key)
            case "OKP":
                return _checked(OKPKey.import_key(parameters).private_key)
    except (JoseError, ValueError, KeyError):
        raise SigningKeyError("the key's parameters are missing or do not belong together") from None
    raise SigningKeyError(f"a key of type {jwk.get('kty')!r} cannot sign tokens; use RSA, EC or OKP")


def _checked(key: object) -> PrivateKey:
    if isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        return key
    raise SigningKeyError("the key's curve cannot sign tokens; use P-256, P-384, P-521 or Ed25519")


def _from_pem(data: bytes) -> PrivateKey:
    if b"-----BEGIN" not in data:
        raise SigningKeyError("it is neither PEM ('-----BEGIN PRIVATE KEY-----') nor a JWK nor a JWK set")
    if b"PRIVATE KEY-----" not in data:
        raise SigningKeyError("it holds no private key; give the file with '-----BEGIN PRIVATE KEY-----'")
    try:
        return _checked(load_pem_private_key(data, password=None))
    except TypeError:
        raise SigningKeyError("the key is encrypted; decrypt it with: openssl pkcs8 -in KEY -out NEW_KEY") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningKeyError("the PEM data cannot be read as a private key") from None


def _from_json(data: bytes, algorithm: str | None) -> Sequence[SigningKey]:
    try:
        document = dict(JsonObject.parse(data).members)
    except JsonError as error:
        raise SigningKeyError(f"it is not strict JSON: {error}") from None
    jwks = document.get("keys", [document])
    if not isinstance(jwks, list) or not jwks or not all(isinstance(jwk, dict) for jwk in jwks):
        raise SigningKeyError("its 'keys' is not a list of keys")
    return tuple(_from_jwk(jwk, algorithm) for jwk in jwks)


def _from_jwk(jwk: Mapping[str, object], algorithm: str | None) -> SigningKey:
    if jwk.get("use", "sig") != "sig":
        raise SigningKeyError(f"a key is for {jwk['use']!r}, not for signatures ('sig')")
    declared = jwk.get("alg", algorithm)
    if not isinstance(declared, str | None):
        raise SigningKeyError("the 'alg' of a key is not a string")
    return _bound(private_key(jwk), declared)


def _bound(key: PrivateKey, algorithm: str | None) -> SigningKey:
    if algorithm is None:
        if isinstance(key, EllipticCurvePrivateKey):
            algorithm = _CURVES.get(key.curve.name, "ES256")
        else:
            algorithm = "RS256" if isinstance(key, RSAPrivateKey) else "Ed25519"
    return SigningKey.of(key, algorithm)
