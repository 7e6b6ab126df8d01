"""What all peers share: keys, one upstream token, its documents, and the claim that re-signing peers add."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ISSUER = "https://login.example"
CLAIM = "https://example.com/plan"
CLAIM_VALUE = "gold"
LIFETIME = 36_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The setting of a run: `upstream` is the port of the server behind the peers, `claims` those of its token.

    `resigning_key` is for peers that do not make a key of their own; it is in the folder as resigning.pem, too.
    """

    folder: Path
    upstream: int
    claims: Mapping[str, object]
    resigning_key: RSAKey = field(repr=False)


def set_stage(folder: Path, upstream: int) -> Stage:
    """Make keys and documents in a folder."""
    key = RSAKey.generate_key(2048, {"kid": "upstream", "alg": "RS256", "use": "sig"})
    resigning = RSAKey.generate_key(2048, {"kid": "resigning", "alg": "RS256", "use": "sig"})
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "reporting",
        "client_id": "reporting",
        "aud": "https://api.example.com",
        "iat": now,
        "exp": now + LIFETIME,
        "jti": "b5d5f1c8f7e34b0d9c1a5d5f1c8f7e34",
        "scope": "reports:read reports:write",
    }
    token = jwt.encode({"alg": "RS256", "kid": "upstream", "typ": "at+jwt"}, claims, key)
    answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": claims["scope"]}
    discovery = {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/oauth/token",
        "jwks_uri": f"{ISSUER}/jwks",
        "response_types_supported": ["code"],
        "grant_types_supported": ["client_credentials"],
    }
    documents = {"token.json": answer, "jwks.json": {"keys": [key.as_dict(private=False)]}, "discovery.json": discovery}
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document))
    pem = folder / "resigning.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(resigning.as_pem(private=True))
    return Stage(folder=folder, upstream=upstream, claims=claims, resigning_key=resigning)
