"""The JWK set that clients and resource servers fetch (RFC 7517 section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import structlog

from hookpoint.hooks.strict_json import write_json

KeyMode = Literal["merged", "exclusive"]
Jwk = Mapping[str, object]

# RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2, and the `priv` of post-quantum keys.
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
# Which members are private is known of these types only.
_PUBLISHED_TYPES: Final = ("RSA", "EC", "OKP", "AKP")

log = structlog.get_logger(__name__)


def published_jwks(own: Sequence[Jwk], upstream: Sequence[Jwk], mode: KeyMode) -> bytes:
    """Return the key set to publish: own keys first, and the upstream's too when `merged`.

    Nothing secret leaves: upstream keys that are symmetric or of unknown type are left out, private members are
    dropped, and each is logged.
    """
    published = list(own)
    if mode == "merged":
        kids = [key["kid"] for key in own]
        published += [key for member in upstream if (key := _publishable(member)) and key.get("kid") not in kids]
    return _serialize(published)


def _publishable(member: Jwk) -> Jwk | None:
    if member.get("kty") not in _PUBLISHED_TYPES:
        log.warning("upstream_key_not_published", kid=member.get("kid"), kty=member.get("kty"))
        return None
    if secret := PRIVATE_MEMBERS & member.keys():
        log.error("upstream_publishes_private_key", kid=member.get("kid"), members=sorted(secret))
    return {name: value for name, value in member.items() if name not in PRIVATE_MEMBERS}


def _serialize(keys: Sequence[Jwk]) -> bytes:
    for key in keys:
        if key.get("kty") not in _PUBLISHED_TYPES or PRIVATE_MEMBERS & key.keys():
            raise AssertionError("a private key was about to be published")
    return write_json({"keys": keys})
