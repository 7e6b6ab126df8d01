"""The part of Auth0's Management API that is about users: create, read, change.

A client gets a token for it by `client_credentials` with the audience `{issuer}/api/v2/`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.authorization_server.bearer import BearerError, require_scope
from hookpoint.proxy.demo.authorization_server.bodies import read_members, text
from hookpoint.proxy.demo.authorization_server.database_errors import DatabaseError
from hookpoint.proxy.demo.authorization_server.sign_up import read_email, read_new_password
from hookpoint.proxy.demo.authorization_server.tenant import Tenant
from hookpoint.proxy.demo.authorization_server.users import (
    CONNECTION,
    PROFILE,
    PROVIDER,
    NewUser,
    User,
    UserExistsError,
)

MANAGEMENT_PATH: Final = "/api/v2"
_METADATA: Final = ("user_metadata", "app_metadata")
_NO_STORE: Final = {"Cache-Control": "no-store"}

_Answer = Callable[[Request], Awaitable[Response]]


class _ApiError(Exception):
    def __init__(self, status: int, error: str, message: str, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"statusCode": status, "error": error, "message": message, "errorCode": code}


class Management:
    """The routes."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    @property
    def routes(self) -> list[Route]:
        """The routes, each with the scope that it asks for."""
        user = MANAGEMENT_PATH + "/users/{user_id}"
        return [
            self._route("POST", f"{MANAGEMENT_PATH}/users", "create:users", self._create),
            self._route("GET", f"{MANAGEMENT_PATH}/users-by-email", "read:users", self._find),
            self._route("GET", user, "read:users", self._read),
            self._route("PATCH", user, "update:users", self._update),
        ]

    def _route(self, method: str, path: str, scope: str, answer: _Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                issuer = self._tenant.server.token_issuer
                require_scope(request, issuer, audience=f"{self._tenant.base}{MANAGEMENT_PATH}/", scope=scope)
                return await answer(request)
            except BearerError as error:
                name = "Unauthorized" if error.status == 401 else "Forbidden"
                body = {"statusCode": error.status, "error": name, "message": str(error), "errorCode": error.error}
                return JSONResponse(body, error.status, error.challenge)
            except (InvalidRequestError, DatabaseError) as error:
                return JSONResponse(_bad_request(error).body, 400, _NO_STORE)
            except _ApiError as error:
                return JSONResponse(error.body, error.status, _NO_STORE)

        return Route(path, endpoint, methods=[method])

    async def _create(self, request: Request) -> Response:
        members = await read_members(request)
        if text(members, "connection") != CONNECTION:
            raise _ApiError(400, "Bad Request", "The connection does not exist.", "inexistent_connection")
        new = NewUser(
            email=read_email(members),
            password=read_new_password(members, "password"),
            username=text(members, "username") or None,
            email_verified=members.get("email_verified") is True,
            profile={name: value for name in PROFILE if (value := text(members, name))},
            user_metadata=_read_metadata(members, "user_metadata"),
            app_metadata=_read_metadata(members, "app_metadata"),
        )
        try:
            user = await self._tenant.users.create(new)
        except UserExistsError:
            raise _ApiError(409, "Conflict", "The user already exists.", "auth0_idp_error") from None
        return JSONResponse(self._describe(user), 201, _NO_STORE)

    async def _find(self, request: Request) -> Response:
        email = request.query_params.get("email", "")
        user = self._tenant.users.find(email)
        found = user is not None and user.email.casefold() == email.casefold()
        return JSONResponse([self._describe(user)] if user is not None and found else [], headers=_NO_STORE)

    async def _read(self, request: Request) -> Response:
        return JSONResponse(self._describe(self._named(request)), headers=_NO_STORE)

    async def _update(self, request: Request) -> Response:
        """What is named changes; metadata is merged at its first level, and null removes a property."""
        user, members = self._named(request), await read_members(request)
        if unknown := members.keys() - {"password", "connection", "email_verified", *PROFILE, *_METADATA}:
            raise _ApiError(
                400, "Bad Request", f"Additional properties not allowed: {', '.join(sorted(unknown))}", "invalid_body"
            )
        changes: dict[str, Any] = {
            name: _merged(getattr(user, name), _read_metadata(members, name)) for name in _METADATA if name in members
        }
        if "email_verified" in members:
            changes["email_verified"] = members["email_verified"] is True
        if profile := {name: text(members, name) for name in PROFILE if name in members}:
            changes["profile"] = {**user.profile, **profile}
        password = read_new_password(members, "password") if "password" in members else None
        if password is not None:
            user = await self._tenant.change_password(user, password)
        return JSONResponse(self._describe(self._tenant.users.update(user, **changes)), headers=_NO_STORE)

    def _named(self, request: Request) -> User:
        user_id: str = request.path_params["user_id"]
        user = self._tenant.users.get(user_id) if user_id.startswith(f"{PROVIDER}|") else None
        if user is None:
            raise _ApiError(404, "Not Found", "The user does not exist.", "inexistent_user")
        return user

    def _describe(self, user: User) -> dict[str, Any]:
        described = {
            "user_id": user.get_user_id(),
            **self._tenant.profile(user),
            "user_metadata": user.user_metadata,
            "app_metadata": user.app_metadata,
            "identities": [
                {"connection": CONNECTION, "user_id": user.id, "provider": PROVIDER, "isSocial": False},
            ],
            "created_at": _time(user.created_at),
            "updated_at": _time(user.updated_at),
        }
        if user.last_password_reset is not None:
            described["last_password_reset"] = _time(user.last_password_reset)
        return described


def _read_metadata(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    metadata = members.get(name)
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise _ApiError(400, "Bad Request", f"{name} has to be an object.", "invalid_body")
    return metadata


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


def _bad_request(error: InvalidRequestError | DatabaseError) -> _ApiError:
    if isinstance(error, InvalidRequestError):
        return _ApiError(400, "Bad Request", error.description, "invalid_body")
    message = error.body.get("message") or error.body.get("description") or error.body["error"]
    name = error.body.get("name")
    return _ApiError(400, "Bad Request", f"{name}: {message}" if name else message, "invalid_body")


def _time(seconds: float) -> str:
    return re.sub(r"\+00:00$", "Z", datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds"))
