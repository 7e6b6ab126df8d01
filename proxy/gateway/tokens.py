"""Bearer tokens that the caller signs itself with a secret it shares with us."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from hookpoint.proxy.gateway.authentication import credentials
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Unauthenticated

_LEEWAY: Final = 60
_MAX_BYTES: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SharedSecretJwt:
    """`Authorization: Bearer` and a JWT signed with HS256 (RFC 7519); its `aud` is ours, its times hold where it has any.

    Without an `audience` any will do: the secret is the proof. Secrets that are base64url of the key begin with `base64:`.
    """

    secrets: Sequence[str]
    audience: str | None = None

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        token = credentials(call, "bearer")
        if len(token) > _MAX_BYTES:
            raise Unauthenticated("the token is too long")
        claims = self._verified(token)
        audiences = claims.get("aud")
        if self.audience is not None and self.audience not in (
            audiences if isinstance(audiences, list) else [audiences]
        ):
            raise Unauthenticated("the token is for another audience")
        if not _holds(claims, call.at):
            raise Unauthenticated("the token is not valid now")

    def _verified(self, token: str) -> dict[str, object]:
        for secret in self.secrets:
            try:
                return jwt.decode(token, OctKey.import_key(_key(secret)), algorithms=["HS256"]).claims
            except (JoseError, ValueError):
                continue
        raise Unauthenticated("the token does not verify")


def _holds(claims: Mapping[str, object], at: float) -> bool:
    """Whether `exp` and `nbf` (RFC 7519 section 4.1), where they are there, hold at a time."""
    expires, begins = claims.get("exp", at), claims.get("nbf", at)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        return False
    return begins - _LEEWAY <= at <= expires + _LEEWAY


def _key(secret: str) -> bytes:
    if secret.startswith("base64:"):
        text = secret.removeprefix("base64:")
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return secret.encode()
