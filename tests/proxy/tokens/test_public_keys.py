from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import OctKey, OKPKey
from joserfc.util import int_to_base64

from hookpoint.proxy.tokens.algorithms import ALL
from hookpoint.proxy.tokens.errors import KeySetInvalid
from hookpoint.proxy.tokens.public_keys import MAX_BYTES, MAX_KEYS, PublicKeySet, material
from tests.proxy.tokens.issuer import key_for, key_set, public_jwk

ES256 = public_jwk(key_for("ES256"), kid="k")
RS256 = public_jwk(key_for("RS256"), kid="r")


def usable(*jwks: dict[str, object]) -> list[str | None]:
    return [key.kid for key in PublicKeySet.parse(key_set(*jwks)).keys]


def test_rfc7638_thumbprint() -> None:
    """RFC 7638 section 3.1."""
    jwk = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3o"
            "knjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHz"
            "u6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8"
            "awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert material(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rfc8037_thumbprint() -> None:
    """RFC 8037 appendix A.3."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert material(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "jwk",
    [
        {**ES256, "use": "enc"},
        {**ES256, "key_ops": ["encrypt"]},
        {**ES256, "key_ops": "verify"},
        {**ES256, "kid": 1},
        {**ES256, "alg": 1},
        {**ES256, "kty": "EC2"},
        {**ES256, "crv": "secp256k1"},
        {**ES256, "crv": "P-384"},
        {**ES256, "x": "AAAA"},
        {**ES256, "x": "\u00e9"},
        {**ES256, "y": None},
        {**RS256, "n": ""},
        {**RS256, "n": "AQAB"},
        {**RS256, "e": "Ag"},
        {**RS256, "e": "!"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "pq"},
        {"kid": "nothing"},
    ],
)
def test_keys_that_cannot_verify_are_passed_over(jwk: dict[str, object]) -> None:
    assert usable(jwk, RS256) == ["r"]
    assert list(PublicKeySet.parse(key_set(jwk, RS256)).members) == [jwk, RS256]


def test_T9_symmetric_keys_are_passed_over() -> None:
    assert usable({**OctKey.generate_key(256).as_dict(), "kid": "o"}, ES256) == ["k"]


@pytest.mark.parametrize("curve", ["X25519", "Ed448"])
def test_other_edwards_and_montgomery_curves_are_passed_over(curve: str) -> None:
    key = OKPKey.generate_key(curve)  # type: ignore[arg-type]
    assert usable(public_jwk(key, kid="x"), ES256) == ["k"]


def test_short_rsa_keys_are_passed_over() -> None:

    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    assert usable({"kty": "RSA", "kid": "s", "n": int_to_base64(numbers.n), "e": "AQAB"}, ES256) == ["k"]


def test_private_members_of_a_published_key_are_not_imported() -> None:
    key = key_for("ES256")
    (found,) = PublicKeySet.parse(key_set({**key.as_dict(private=True), "kid": "k"})).keys
    assert not found.key.is_private


@pytest.mark.parametrize("algorithm", sorted(ALL))
def test_every_algorithm_finds_its_key_among_all(algorithm: str) -> None:
    keys = PublicKeySet.parse(key_set(*(public_jwk(key_for(name), kid=name, alg=name) for name in sorted(ALL))))
    assert [key.kid for key in keys.candidates(algorithm, algorithm)] == [algorithm]
    assert keys.candidates("other", algorithm) == []
    expected = {"EdDSA", "Ed25519"} if algorithm in ("EdDSA", "Ed25519") else {algorithm}
    assert {key.kid for key in keys.candidates(None, algorithm)} == expected


def test_T9_one_kid_for_two_keys_refuses_the_set() -> None:
    other = public_jwk(key_for("ES256", 1), kid="k")
    with pytest.raises(KeySetInvalid, match="two different keys with the kid 'k'"):
        PublicKeySet.parse(key_set(ES256, other))
    assert usable(ES256, {**ES256, "alg": "ES256"}) == ["k", "k"]
    assert usable({**ES256, "kid": None}, {**other, "kid": None}) == [None, None]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "strict JSON"),
        (b"<html>", "strict JSON"),
        (b"[]", "strict JSON"),
        (b'{"keys":[],"keys":[]}', "strict JSON"),
        (b"{}", "no list of keys"),
        (b'{"keys":{}}', "no list of keys"),
        (b'{"keys":[1]}', "no list of keys"),
        (key_set(*[ES256] * (MAX_KEYS + 1)), "101 keys, 100 are allowed"),
        (b'{"keys":[],"x":"' + b"x" * MAX_BYTES + b'"}', "more than 262144 bytes"),
    ],
)
def test_T9_documents_that_are_no_key_set_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(KeySetInvalid, match=message):
        PublicKeySet.parse(body)


def test_an_empty_set_is_a_set() -> None:
    assert usable() == []
    assert json.loads(key_set()) == {"keys": []}
