"""`/userinfo`: what an access token with scope `openid` tells of its user (OpenID Connect Core 1.0 section 5.3)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.authorization_server.bearer import BearerError, require_scope
from hookpoint.proxy.demo.authorization_server.tenant import Tenant

USERINFO_PATH: Final = "/userinfo"


def userinfo_route(tenant: Tenant) -> Route:
    """The route."""

    async def endpoint(request: Request) -> Response:
        issuer = tenant.server.token_issuer
        try:
            claims = require_scope(request, issuer, audience=tenant.base + USERINFO_PATH, scope="openid")
            user = tenant.users.get(str(claims["sub"]))
            if user is None:
                raise BearerError(401, "invalid_token", "Invalid token")
        except BearerError as error:
            body = {"error": error.error or "invalid_token", "error_description": str(error)}
            return JSONResponse(body, error.status, error.challenge)
        told = tenant.user_claims(user, str(claims["scope"]).split())
        return JSONResponse({"sub": user.get_user_id(), **told}, headers={"Cache-Control": "no-store"})

    return Route(USERINFO_PATH, endpoint, methods=["GET", "POST"])
