"""Errors of the `/dbconnections` routes, in the shapes that Auth0's clients read; all have status 400.

Sources: "Common Auth0 Library Authentication Errors" of Auth0's documentation, and the tests of its SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from hookpoint.proxy.demo.authorization_server.passwords import POLICY


class DatabaseError(Exception):
    """A refusal; `body` is the JSON that says why."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(body.get("code") or body["error"])
        self.body = body

    @property
    def response(self) -> Response:
        """The answer."""
        return JSONResponse(dict(self.body), 400, {"Cache-Control": "no-store"})


def plain(reason: str) -> DatabaseError:
    """A request that makes no sense."""
    return DatabaseError({"error": reason})


def bad_request(code: str, description: str) -> DatabaseError:
    """A user that cannot be signed up."""
    return DatabaseError({"name": "BadRequestError", "code": code, "description": description, "statusCode": 400})


def weak_password(weakness: Mapping[str, Any]) -> DatabaseError:
    """A password that the policy refuses; `weakness` says which rules."""
    return DatabaseError(
        {
            "name": "PasswordStrengthError",
            "message": "Password is too weak",
            "code": "invalid_password",
            "description": weakness,
            "policy": POLICY,
            "statusCode": 400,
        }
    )
