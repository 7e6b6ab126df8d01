"""Access tokens: JWTs as RFC 9068 describes them, made, read back and revoked."""

# mypy: allow-subclassing-any

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from hookpoint.proxy.demo.authorization_server.clients import Client

Clock = Callable[[], float]


def signing_algorithm(key: Key) -> str:
    """The JWS algorithm for a signing key: RS256 for RSA, ES256 for P-256; a ValueError for any other key."""
    if isinstance(key, RSAKey):
        return "RS256"
    if isinstance(key, ECKey) and key.curve_name == "P-256":
        return "ES256"
    raise ValueError("The signing key has to be an RSA or a P-256 key.")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token of this server, in the form that Authlib's endpoints ask for."""

    claims: Mapping[str, Any]
    expired: bool
    revoked: bool

    def is_expired(self) -> bool:
        return self.expired

    def is_revoked(self) -> bool:
        return self.revoked

    def check_client(self, client: Client) -> bool:
        return bool(self.claims["client_id"] == client.client_id)


@dataclass(slots=True, kw_only=True)
class TokenIssuer:
    """Signs access tokens that live for `lifetime` seconds and remembers which of them were revoked."""

    issuer: str
    signing_key: Key
    lifetime: int = 3600
    clock: Clock = time.time
    _revoked: dict[str, float] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        return signing_algorithm(self.signing_key)

    def generator(self, audiences: Sequence[str]) -> AccessTokenGenerator:
        """What makes the answer of the token endpoint for a request that asks for `audiences`."""
        return AccessTokenGenerator(self, audiences)

    def identity(self, client: Client, subject: str, claims: Mapping[str, object]) -> str:
        """An ID token that tells a client who logged in (OpenID Connect Core 1.0 section 2)."""
        now = int(self.clock())
        told = {
            **claims,
            "iss": self.issuer,
            "sub": subject,
            "aud": client.client_id,
            "iat": now,
            "exp": now + self.lifetime,
        }
        header = {"alg": self.algorithm, "kid": self.signing_key.kid}
        return jwt.encode(header, told, self.signing_key)

    def read(self, token: str) -> IssuedToken | None:
        """The token if this server signed it, expired and revoked ones included; else None."""
        try:
            decoded = jwt.decode(token, self.signing_key, algorithms=[self.algorithm])
        except (JoseError, ValueError):
            return None
        if decoded.header.get("typ") != "at+jwt":
            return None
        claims = decoded.claims
        return IssuedToken(claims, expired=claims["exp"] <= self.clock(), revoked=claims["jti"] in self._revoked)

    def revoke(self, token: IssuedToken) -> None:
        """Remembers the token as revoked until it would have expired anyway."""
        now = self.clock()
        self._revoked = {jti: exp for jti, exp in self._revoked.items() if exp > now}
        self._revoked[token.claims["jti"]] = token.claims["exp"]


class AccessTokenGenerator(JWTBearerTokenGenerator):
    """Authlib's generator for the audiences of one request (RFC 8707 section 2.2), by the issuer's own clock."""

    def __init__(self, issuer: TokenIssuer, audiences: Sequence[str]) -> None:
        super().__init__(issuer.issuer, alg=issuer.algorithm, expires_generator=issuer.lifetime)
        self._issuer = issuer
        self._audiences = list(audiences)

    def get_jwks(self) -> KeySet:
        # From a set, so that the key's id is put into the header.
        return KeySet([self._issuer.signing_key])

    def get_audiences(self, client: Client, user: object, scope: str) -> str | list[str]:
        return self._audiences[0] if len(self._audiences) == 1 else self._audiences

    def get_extra_claims(self, client: Client, grant_type: str, user: object, scope: str) -> dict[str, object]:
        now = int(self._issuer.clock())
        return {"iat": now, "exp": now + self._issuer.lifetime}
