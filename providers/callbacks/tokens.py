"""Callbacks signed by a JWT in a header field, with a hash of the body in it (Vonage, MessageBird)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from hookpoint.providers.errors import CallbackRefused


def claims(token: str, secrets: Sequence[str], *, algorithms: Sequence[str]) -> Mapping[str, Any]:
    """The claims of a token that one of the secrets signed; times are not checked here."""
    for secret in secrets:
        if not secret:
            continue
        try:
            return jwt.decode(token, OctKey.import_key(secret), algorithms=list(algorithms)).claims
        except (JoseError, ValueError):
            continue
    raise CallbackRefused("the signature does not fit")


def check_hash(claimed: object, content: bytes) -> None:
    """Compare the claimed hexadecimal SHA-256 with that of the content."""
    actual = hashlib.sha256(content).hexdigest()
    if not isinstance(claimed, str) or not hmac.compare_digest(actual.encode(), claimed.lower().encode("utf-8")):
        raise CallbackRefused("the content is not the signed one")
