"""The mock server's wrong tokens: each is wrong in the way its name says, and only in that."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import RSAKey

from tests.partners.loopback import ask
from tests.partners.mock_server import AUDIENCE
from tests.partners.resource_server import (
    TokenRefusedError,
    read_header,
    verify_in_node,
    verify_in_python,
)

if TYPE_CHECKING:
    from tests.partners.mock_server import MockServer


@pytest.mark.parametrize("verify", [verify_in_python, verify_in_node])
@pytest.mark.parametrize(("issuer", "audience"), [(None, "https://other.example.test"), ("http://127.0.0.1:1", None)])
async def test_resource_servers_refuse_other_audiences_and_issuers(
    mock_server: MockServer, verify: Any, issuer: str | None, audience: str | None
) -> None:
    token = (await mock_server.ask_for_token()).json()["access_token"]
    with pytest.raises(TokenRefusedError):
        await verify(token, issuer or mock_server.issuer, audience or AUDIENCE, headers=mock_server.headers)


BAD_TOKENS = {
    "wrong-signature": "BadSignatureError",
    "tampered": "BadSignatureError",
    "unknown-kid": "InvalidKeyIdError",
    "alg-none": "UnsupportedAlgorithmError",
    "alg-none-mixed-case": "UnsupportedAlgorithmError",
    "hs256-pem": "UnsupportedAlgorithmError",
    "hs256-der": "UnsupportedAlgorithmError",
    "hs256-jwk": "UnsupportedAlgorithmError",
    "es256-with-rsa-kid": "InvalidKeyIdError",
    "crit": "UnsupportedHeaderError",
    "header-jwk": "ExceededSizeError",
    "header-jku": "InvalidKeyIdError",
    "header-x5c": "ExceededSizeError",
    "header-x5u": "InvalidKeyIdError",
    "expired": "ExpiredTokenError",
    "not-yet-valid": "not yet valid",
    "no-expiry": "Missing claim: 'exp'",
    "text-expiry": "'exp' must be a NumericDate",
    "wrong-issuer": "Invalid claim: 'iss'",
    "issuer-with-slash": "Invalid claim: 'iss'",
    "no-issuer": "Missing claim: 'iss'",
    "no-audience": "Missing claim: 'aud'",
    "id-token": "Invalid claim: 'aud'",
    "logout-token": "Invalid claim: 'aud'",
    "opaque": "DecodeError",
    "encrypted": "DecodeError",
}
UNUSUAL_TOKENS = [
    "no-kid",
    "honest-jku",
    "float-times",
    "list-audience",
    "scope-list",
    "scp-list",
    "at-jwt",
    "number-claims",
    "duplicate-claims",
]


@pytest.mark.parametrize(("mode", "reason"), BAD_TOKENS.items())
async def test_a_resource_server_refuses_forged_tokens(mock_server: MockServer, mode: str, reason: str) -> None:
    mock_server.behave(mode)
    token = (await mock_server.ask_for_token()).json()["access_token"]
    with pytest.raises(TokenRefusedError, match=reason):
        await verify_in_python(token, mock_server.issuer, AUDIENCE, headers=mock_server.headers)
    assert "attacker-keys" not in mock_server.counts()


@pytest.mark.parametrize(
    ("mode", "encoding"), [("hs256-pem", Encoding.PEM), ("hs256-der", Encoding.DER)], ids=["pem", "der"]
)
async def test_a_public_key_is_really_used_as_a_secret(mock_server: MockServer, mode: str, encoding: Encoding) -> None:
    mock_server.behave(mode)
    token = (await mock_server.ask_for_token()).json()["access_token"]
    kid = read_header(token)["kid"]
    published = next(key for key in (await mock_server.get_keys()).json()["keys"] if key["kid"] == kid)
    public = RSAKey.import_key(published).public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    signed, _, signature = token.rpartition(".")
    assert signature == base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=").decode()


@pytest.mark.parametrize("mode", ["header-jwk", "header-jku", "header-x5c", "header-x5u"])
async def test_the_key_in_the_header_would_verify_the_token(mock_server: MockServer, mode: str) -> None:
    mock_server.behave(mode)
    token = (await mock_server.ask_for_token()).json()["access_token"]
    header = read_header(token)
    key: object
    match mode:
        case "header-jwk":
            key = RSAKey.import_key(header["jwk"]).public_key
        case "header-x5c":
            key = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0])).public_key()
        case _:
            key = RSAKey.import_key(ask("GET", header[mode.removeprefix("header-")])["keys"][0]).public_key
            assert mock_server.counts()["attacker-keys"] == 1
    assert isinstance(key, RSAPublicKey)
    signed, _, signature = token.rpartition(".")
    key.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), PKCS1v15(), SHA256())


async def test_nan_in_claims_is_refused_where_json_is_taken_at_its_word(mock_server: MockServer) -> None:
    mock_server.behave("nan-claim")
    token = (await mock_server.ask_for_token()).json()["access_token"]
    with pytest.raises(TokenRefusedError):
        await verify_in_node(token, mock_server.issuer, AUDIENCE, headers=mock_server.headers)


@pytest.mark.parametrize("mode", UNUSUAL_TOKENS)
async def test_unusual_tokens_are_signed_by_the_server_itself(mock_server: MockServer, mode: str) -> None:
    mock_server.behave(mode)
    token = (await mock_server.ask_for_token()).json()["access_token"]
    await verify_in_node(token, mock_server.issuer, AUDIENCE, headers=mock_server.headers)


@pytest.mark.parametrize(
    ("mode", "header"),
    [
        ("alg-none", {"alg": "none"}),
        ("alg-none-mixed-case", {"alg": "nOnE"}),
        ("hs256-pem", {"alg": "HS256", "kid": "mock-1"}),
        ("es256-with-rsa-kid", {"alg": "ES256", "kid": "mock-1"}),
        ("crit", {"crit": ["urn:example:unknown"]}),
        ("wrong-signature", {"alg": "RS256", "kid": "mock-1"}),
        ("logout-token", {"typ": "logout+jwt"}),
        ("at-jwt", {"typ": "at+jwt"}),
    ],
)
async def test_forged_headers_say_what_they_should(mock_server: MockServer, mode: str, header: dict[str, Any]) -> None:
    honest = read_header((await mock_server.ask_for_token()).json()["access_token"])
    mock_server.behave(mode)
    forged = read_header((await mock_server.ask_for_token()).json()["access_token"])
    assert honest["kid"].startswith("mock-")
    expected = header | ({"kid": honest["kid"]} if "kid" in header else {})
    assert forged.items() >= {name: value for name, value in expected.items() if name != "crit"}.items()
    assert forged.get("crit") == header.get("crit")
