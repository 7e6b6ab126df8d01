"""Client authentication by a signed JWT: `private_key_jwt` (RFC 7523 section 2.2)."""

# mypy: allow-subclassing-any

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc.jwk import KeySet

from hookpoint.proxy.demo.authorization_server.clients import Client


class PrivateKeyJWT(JWTBearerClientAssertion):
    """Checks a client's assertion: its signature, its times, that it is meant for this server, and that it is new."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, audiences: Sequence[str]) -> None:
        super().__init__()
        self._audiences = list(audiences)
        self._used: dict[tuple[str, str], float] = {}

    def get_audiences(self) -> list[str]:
        return self._audiences

    def resolve_client_public_key(self, client: Client) -> KeySet:
        return client.public_keys or KeySet([])

    def validate_jti(self, claims: Mapping[str, Any], jti: str) -> bool:
        """False for an assertion seen before; each is remembered for as long as it could be used again."""
        # The assertion's times are checked by the system's clock, so its memory runs by the same one.
        now = time.time() - self.leeway
        self._used = {used: exp for used, exp in self._used.items() if exp > now}
        key = (claims["sub"], jti)
        if key in self._used:
            return False
        self._used[key] = claims["exp"]
        return True
