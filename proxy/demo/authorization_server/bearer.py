"""The server's own APIs, as resource servers: which access tokens open them (RFC 6750)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from hookpoint.proxy.demo.authorization_server.tokens import TokenIssuer


class BearerError(Exception):
    """The request has no access token that is good here; `error` is None when it has none at all."""

    def __init__(self, status: int, error: str | None, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error

    @property
    def challenge(self) -> dict[str, str]:
        """The header field that goes with it."""
        reason = f' error="{self.error}", error_description="{self}"' if self.error else ""
        return {"WWW-Authenticate": f"Bearer{reason}", "Cache-Control": "no-store"}


def bearer_token(request: Request) -> str:
    """What stands in the Authorization header; raises BearerError."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise BearerError(401, None, "Missing authentication")
    return token


def require_scope(request: Request, issuer: TokenIssuer, *, audience: str, scope: str) -> Mapping[str, Any]:
    """The claims of a token that is meant for `audience` and has `scope`; raises BearerError."""
    token = issuer.read(bearer_token(request))
    if token is None or token.expired or token.revoked or audience not in _audiences(token.claims):
        raise BearerError(401, "invalid_token", "Invalid token")
    if scope not in str(token.claims.get("scope", "")).split():
        raise BearerError(403, "insufficient_scope", f"Insufficient scope, expected any of: {scope}")
    return token.claims


def _audiences(claims: Mapping[str, Any]) -> list[str]:
    audiences = claims.get("aud", [])
    return audiences if isinstance(audiences, list) else [audiences]
