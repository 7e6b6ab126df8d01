"""The server behind: users sign up and change passwords, and it remembers which call really did something."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

REFUSED = "refused-"
"""How addresses begin that the server turns away."""

DIALECT = """
title = "A server that keeps users in memory"

[token]
paths = ["/oauth/token"]
bodies = ["form"]

[documents]
discovery = ["{issuer}/.well-known/openid-configuration"]
jwks = "/jwks.json"

[denial]
status = 403

[denial.body]
error = "{code}"

[sign_up.direct]
path = "/users"

[sign_up.direct.request]
email = "/email"
password = "/password"

[sign_up.direct.user]
id = "/id"
email = "/email"

[password_change.direct]
path = "/password"

[password_change.direct.request]
id = "/id"
email = "/email"
password = "/password"
"""


@dataclass(slots=True, kw_only=True)
class UserServer:
    """Its users by address, and how often the password of each was changed."""

    users: dict[str, str] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def app(self) -> ASGIApp:
        """The server as an ASGI application."""
        return Starlette(
            routes=[
                Route("/users", self._sign_up, methods=["POST"]),
                Route("/password", self._change, methods=["POST"]),
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/jwks.json", self._keys),
            ]
        )

    async def _sign_up(self, request: Request) -> Response:
        email = (await request.json())["email"]
        await asyncio.sleep(self.rng.uniform(0.0, 0.01))
        if email.startswith(REFUSED) or email in self.users:
            return JSONResponse({"error": "taken"}, 400)
        self.users[email] = f"user-{len(self.users)}"
        await asyncio.sleep(self.rng.uniform(0.0, 0.01))  # a success that hookpoint may not live to see
        return JSONResponse({"id": self.users[email], "email": email}, 201)

    async def _change(self, request: Request) -> Response:
        email = (await request.json())["email"]
        await asyncio.sleep(self.rng.uniform(0.0, 0.01))
        self.changes[email] = self.changes.get(email, 0) + 1
        return JSONResponse({})

    async def _metadata(self, request: Request) -> Response:
        origin = str(request.base_url).rstrip("/")
        endpoints = {"jwks_uri": f"{origin}/jwks.json", "token_endpoint": f"{origin}/oauth/token"}
        return JSONResponse({"issuer": origin, **endpoints})

    async def _keys(self, request: Request) -> Response:
        return JSONResponse({"keys": []})
