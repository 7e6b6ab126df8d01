"""An issuer that can be told to do everything wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from hookpoint.proxy.tokens.compact import encode_segment

Key = RSAKey | ECKey | OKPKey | OctKey

ISSUER = "https://login.example.com"
NOW = 1_800_000_000
CLAIMS: Mapping[str, object] = MappingProxyType(
    {
        "iss": ISSUER,
        "sub": "client-a",
        "aud": "https://api.example.com",
        "client_id": "client-a",
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": "5f0c",
        "scope": "reports:read reports:write",
    }
)
MODELS = {model.name: model for model in JWS_ALGORITHMS}


@cache
def key_for(algorithm: str, number: int = 0) -> Key:
    """Return a key for an algorithm; each number is another key."""
    match algorithm[:2], algorithm[2:]:
        case "RS" | "PS", _:
            return RSAKey.generate_key(2048)
        case "ES", bits:
            return ECKey.generate_key({"256": "P-256", "384": "P-384", "512": "P-521"}[bits])
        case _:
            return OKPKey.generate_key("Ed25519")


def public_jwk(key: Key, **members: object) -> dict[str, object]:
    return {**key.as_dict(private=False), **members}


def key_set(*jwks: Mapping[str, object]) -> bytes:
    return json.dumps({"keys": jwks}).encode()


def forge(
    header: Mapping[str, object] | bytes, claims: Mapping[str, object] | bytes, key: Key | None, algorithm: str
) -> str:
    """Sign any header and payload with any key and algorithm, whether they belong together or not."""
    parts = [part if isinstance(part, bytes) else json.dumps(dict(part)).encode() for part in (header, claims)]
    signing_input = b".".join(encode_segment(part) for part in parts)
    signature = MODELS[algorithm].sign(signing_input, key)
    return (signing_input + b"." + encode_segment(signature)).decode()


def issue(
    claims: Mapping[str, object] = CLAIMS, algorithm: str = "ES256", header: Mapping[str, object] | None = None
) -> str:
    return forge({"alg": algorithm, "kid": "k", **(header or {})}, claims, key_for(algorithm), algorithm)
