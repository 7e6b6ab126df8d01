from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import OctKey, OKPKey

from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.tokens.private_keys import generate_key, read_keys
from hookpoint.proxy.tokens.signer import PrivateKey, SigningKey


def pem(
    key: PrivateKey | Ed448PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def written(content: bytes | object) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


@pytest.mark.parametrize(
    ("made_for", "asked", "expected"),
    [
        ("RS256", None, "RS256"),
        ("RS256", "PS384", "PS384"),
        ("ES256", None, "ES256"),
        ("ES384", None, "ES384"),
        ("ES512", None, "ES512"),
        ("Ed25519", None, "Ed25519"),
        ("Ed25519", "EdDSA", "EdDSA"),
    ],
)
def test_a_key_is_read_from_pem_and_jwk(made_for: str, asked: str | None, expected: str) -> None:
    key = generate_key(made_for)
    wanted = SigningKey.of(key, expected)
    jwk = {name: value for name, value in wanted.private_jwk().items() if name != "alg"}
    for content in (pem(key), b"\n\n" + pem(key), jwk, {"keys": [jwk]}, {"keys": [{**jwk, "alg": expected}]}):
        (found,) = read_keys(written(content), asked)
        assert (found.kid, found.algorithm.name) == (wanted.kid, expected)
        assert found.private_jwk() == wanted.private_jwk()


def test_traditional_pem_is_read() -> None:
    for made_for in ("RS256", "ES256"):
        key = generate_key(made_for)
        (found,) = read_keys(written(pem(key, PrivateFormat.TraditionalOpenSSL)))
        assert found.kid == SigningKey.of(key, made_for).kid


def test_a_set_holds_several_keys_and_its_kids_do_not_count() -> None:
    keys = [SigningKey.of(generate_key(algorithm), algorithm) for algorithm in ("ES256", "PS256", "Ed25519")]
    text = written({"keys": [{**key.private_jwk(), "kid": "same", "use": "sig"} for key in keys]})
    assert [(found.kid, found.algorithm.name) for found in read_keys(text)] == [
        (key.kid, key.algorithm.name) for key in keys
    ]


def test_an_rsa_jwk_may_lack_its_primes() -> None:
    key = SigningKey.of(generate_key("RS256"), "RS256")
    jwk = {name: value for name, value in key.private_jwk().items() if name in ("kty", "n", "e", "d")}
    (found,) = read_keys(written(jwk))
    assert found.kid == key.kid


RSA = generate_key("RS256")
RSA_PUBLIC_JWK = dict(SigningKey.of(RSA, "RS256").public_jwk())
RSA_JWK = dict(SigningKey.of(RSA, "RS256").private_jwk())
EC_JWK = dict(SigningKey.of(generate_key("ES256"), "ES256").private_jwk())
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)


@pytest.mark.parametrize(
    ("content", "asked", "message"),
    [
        (b"", None, "neither PEM"),
        (b"\x30\x82\x01", None, "neither PEM"),
        (RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), None, "holds no private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None, "holds no private key"),
        (pem(RSA, encryption=BestAvailableEncryption(b"secret")), None, "encrypted; decrypt it with"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None, "cannot be read as a private key"),
        (pem(SMALL), None, "an RSA key of 1024 bits is too small"),
        ({"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"}, None, "too small"),
        (pem(ec.generate_private_key(ec.SECP256K1())), None, "of a curve that is not used here"),
        (pem(Ed448PrivateKey.generate()), None, "use P-256, P-384, P-521 or Ed25519"),
        (OKPKey.generate_key("X25519").as_dict(private=True), None, "use P-256, P-384, P-521 or Ed25519"),
        (pem(RSA), "ES256", "an RSA key of 2048 bits cannot sign with ES256"),
        (pem(RSA), "HS256", "'HS256' is not one of"),
        (b"{", None, "strict JSON"),
        ({"keys": []}, None, "not a list of keys"),
        ({"keys": {}}, None, "not a list of keys"),
        ({}, None, "no private part"),
        (RSA_PUBLIC_JWK, None, "no private part"),
        ({**RSA_JWK, "use": "enc"}, None, "for 'enc', not for signatures"),
        ({**RSA_JWK, "alg": 1}, None, "'alg' of a key is not a string"),
        ({**RSA_JWK, "alg": "ES256"}, None, "cannot sign with ES256"),
        ({**RSA_JWK, "p": "AQAB"}, None, "do not belong together"),
        ({**EC_JWK, "d": "AQAB"}, None, "do not belong together"),
        ({**EC_JWK, "crv": "P-999"}, None, "do not belong together"),
        ({"kty": "EC", "crv": "P-256", "d": "AQAB"}, None, "do not belong together"),
        ({"kty": "RSA", "d": "AQAB"}, None, "do not belong together"),
        ({**OctKey.generate_key(256).as_dict(), "d": "x"}, None, "type 'oct' cannot sign"),
    ],
)
def test_what_is_wrong_with_a_text_is_explained(content: bytes | object, asked: str | None, message: str) -> None:
    with pytest.raises(SigningKeyError, match=message) as caught:
        read_keys(written(content), asked)
    assert str(RSA_JWK["d"]) not in str(caught.value)
