"""FusionAuth's signature: a JWT in a header that names the digest of the body."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Unauthenticated

_HEADER: Final = "x-fusionauth-signature-jwt"
_MAX_BYTES: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BodyDigestJwt:
    """`X-FusionAuth-Signature-JWT`, signed with an HMAC key of FusionAuth; `request_body_sha256` is that of the body in base64."""

    secrets: Sequence[str]

    def check(self, call: Call) -> None:
        """Raises Unauthenticated."""
        token = call.header(_HEADER)
        if token is None:
            raise Unauthenticated(f"no {_HEADER}")
        if len(token) > _MAX_BYTES:
            raise Unauthenticated("the signature is too long")
        digest = b64encode(hashlib.sha256(call.body).digest()).decode()
        if not hmac.compare_digest(str(self._claims(token).get("request_body_sha256")).encode(), digest.encode()):
            raise Unauthenticated("the signature is of another body")

    def _claims(self, token: str) -> dict[str, object]:
        for secret in self.secrets:
            try:
                return jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256", "HS384", "HS512"]).claims
            except (JoseError, ValueError):
                continue
        raise Unauthenticated("wrong signature")
