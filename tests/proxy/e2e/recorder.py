"""An authorization server that believes every client, keeps what it received, and says what a test tells it to say."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

AUDIENCE = "https://api.example.test"
METADATA = "/.well-known/openid-configuration"
JWKS = "/.well-known/jwks.json"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A token request as it reached the handler."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def signing_key(kid: str) -> RSAKey:
    """A fresh key of an authorization server."""
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": kid})


@dataclass(slots=True, kw_only=True)
class Recorder:
    """The server under `issuer`, the public URL of the proxy before it.

    `claims` go over those of each token, None leaves one out; `members` likewise for the answer; `documents` are what is found at
    other paths. `token_calls` holds what the token endpoint got.
    """

    issuer: str
    key: RSAKey = field(default_factory=lambda: signing_key("recorder-1"))
    lifetime: int = 3600
    claims: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    token_calls: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.documents = {METADATA: self.metadata(), JWKS: self.key_set()} | self.documents

    def metadata(self) -> dict[str, Any]:
        """Its own metadata (RFC 8414)."""
        issuer = self.issuer
        return {"issuer": issuer, "token_endpoint": f"{issuer}/oauth/token", "jwks_uri": issuer + JWKS}

    def key_set(self) -> dict[str, Any]:
        """Its public keys."""
        return {"keys": [self.key.as_dict(private=False)]}

    @property
    def app(self) -> ASGIApp:
        """The server as an ASGI application."""
        token = Route("/oauth/token", self._token, methods=METHODS)
        return Starlette(routes=[token, Route("/{path:path}", self._document)])

    async def _token(self, request: Request) -> Response:
        body = await request.body()
        headers = dict(request.headers)
        self.token_calls.append(Received(method=request.method, query=request.url.query, headers=headers, body=body))
        members = {
            "access_token": self.token(_scope(headers, body)),
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }
        return _json({name: value for name, value in (members | self.members).items() if value is not None})

    def token(self, scope: str = "") -> str:
        """Sign a token."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "m2m",
            "aud": AUDIENCE,
            "client_id": "m2m",
            "iat": now,
            "exp": now + self.lifetime,
            "jti": uuid4().hex,
            "scope": scope or None,
        }
        given = {name: value for name, value in (claims | self.claims).items() if value is not None}
        header = {"alg": "RS256", "kid": self.key.kid, "typ": "at+jwt"}
        return jwt.encode(header, given, self.key, algorithms=["RS256"])

    async def _document(self, request: Request) -> Response:
        document = self.documents.get("/" + request.path_params["path"])
        if document is None:
            return Response("nothing here", 404)
        return Response(document, media_type="application/json") if isinstance(document, bytes) else _json(document)


def _scope(headers: Mapping[str, str], body: bytes) -> str:
    if "json" in headers.get("content-type", ""):
        return str(json.loads(body).get("scope", ""))
    return " ".join(parse_qs(body.decode("latin-1")).get("scope", []))


def _json(members: object) -> Response:
    return Response(json.dumps(members), media_type="application/json", headers={"cache-control": "no-store"})
