"""A recorder that issues for users too: ID tokens with `at_hash`, rotating refresh tokens, opaque tokens, revocation, introspection."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwe, jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hookpoint.proxy.tokens.reissue import left_half_hash
from tests.proxy.e2e.recorder import JWKS, METADATA, Recorder

USER_CLAIMS = {"sub": "user-1", "email": "jo@example.com", "email_verified": True, "name": "Jo"}
CLIENT_SECRET = "secret-of-the-client-0123456789abcdef"


@dataclass(slots=True, kw_only=True)
class IssuingServer(Recorder):
    """The recorder with grants for users.

    `id_token` is RS256, HS256, encrypted or none. `opaque` issues handles in place of JWTs. `good` are the refresh tokens that work,
    each once; `revoked` what was revoked, in order.
    """

    id_token: str = "RS256"
    opaque: bool = False
    rotate: bool = True
    pause: float = 0.0
    good: set[str] = field(default_factory=set)
    revoked: list[str] = field(default_factory=list)
    issued: dict[str, dict[str, Any]] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """With the endpoints that it has more than the recorder."""
        own = {
            name: f"{self.issuer}/oauth/{name.removesuffix('_endpoint')}"
            for name in ("revocation_endpoint", "introspection_endpoint")
        }
        return Recorder.metadata(self) | own

    @property
    def app(self) -> ASGIApp:
        """The server as an ASGI application."""
        return Starlette(
            routes=[
                Route("/oauth/token", self._issue, methods=["POST"]),
                Route("/oauth/revocation", self._revoke, methods=["POST"]),
                Route("/oauth/introspection", self._introspect, methods=["POST"]),
                Route(METADATA, lambda _: JSONResponse(self.metadata())),
                Route(JWKS, lambda _: JSONResponse(self.key_set())),
            ]
        )

    async def _issue(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        await asyncio.sleep(self.pause)
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.good:
                return JSONResponse({"error": "invalid_grant"}, 400)
            if self.rotate:
                self.good.discard(form["refresh_token"])
        return JSONResponse(self._members(form) | self.members)

    def _members(self, form: dict[str, str]) -> dict[str, Any]:
        self.claims = USER_CLAIMS | self.claims
        scope = form.get("scope", "openid offline_access api:read")
        access_token = secrets.token_urlsafe(24) if self.opaque else self.token(scope)
        self.issued[access_token] = {"scope": scope, **self.claims}
        refresh_token = secrets.token_urlsafe(24)
        self.good.add(refresh_token)
        members = {"access_token": access_token, "token_type": "Bearer", "expires_in": self.lifetime, "scope": scope}
        return members | {"refresh_token": refresh_token} | self._id_token(access_token)

    def _id_token(self, access_token: str) -> dict[str, str]:
        if self.id_token == "none":
            return {}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "m2m", "iat": now, "exp": now + 300, "nonce": "n-1", **USER_CLAIMS}
        claims["at_hash"] = left_half_hash(access_token, "RS256")
        if self.id_token == "HS256":
            value = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])
        elif self.id_token == "HS256 without at_hash":
            del claims["at_hash"]
            value = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])
        elif self.id_token == "encrypted":
            header = {"alg": "RSA-OAEP-256", "enc": "A128GCM"}
            value = jwe.encrypt_compact(
                header, b"{}", RSAKey.generate_key(2048), algorithms=["RSA-OAEP-256", "A128GCM"]
            )
        else:
            header = {"alg": "RS256", "kid": str(self.key.kid), "typ": "JWT"}
            value = jwt.encode(header, claims, self.key, algorithms=["RS256"])
        return {"id_token": value}

    async def _revoke(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        if not request.headers.get("authorization") and "client_secret" not in form:
            return JSONResponse({"error": "invalid_client"}, 401)
        token = form["token"][0]
        self.revoked.append(token)
        self.good.discard(token)
        self.issued.pop(token, None)
        return Response(status_code=200)

    async def _introspect(self, request: Request) -> Response:
        if not request.headers.get("authorization"):
            return JSONResponse({"error": "invalid_client"}, 401)
        token = parse_qs((await request.body()).decode())["token"][0]
        facts = self.issued.get(token)
        if facts is None:
            return JSONResponse({"active": False})
        now = int(time.time())
        times = {"iat": now, "exp": now + self.lifetime, "client_id": "m2m", "iss": self.issuer}
        return JSONResponse({"active": True, **facts, **times})
