"""Requests of hookpoint's own about a user: looking one up, writing what a sign-up could not take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlencode

from starlette.types import ASGIApp, Scope

from hookpoint.hooks import JsonValue, User
from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.answers import Answer, Headers
from hookpoint.proxy.dialects import Call
from hookpoint.proxy.dialects.templates import fill, fill_path, fill_text
from hookpoint.proxy.users.admin import AdminUnavailable
from hookpoint.proxy.wrapped import call, own_request

MAX_ANSWER: Final = 1024 * 1024
# What a caller's credentials are in: tokens, cookies, and the session tokens of django-allauth and Kratos.
_CREDENTIALS: Final = frozenset({b"authorization", b"cookie", b"x-session-token", b"apikey"})


class Admin(Protocol):
    """What administrators' calls are made with."""

    async def headers(self, scope: Scope) -> Headers:
        """Credentials as header fields; raises AdminUnavailable."""
        ...

    def forget(self) -> None:
        """Get a new token for the next call: the server did not take this one."""
        ...

    @property
    def app(self) -> ASGIApp:
        """Where these calls go."""
        ...


class ServerCalls:
    """Makes calls that dialects describe. `admin` is None where the configuration has no credentials."""

    def __init__(self, app: ASGIApp, *, admin: Admin | None, timeout: float) -> None:
        self._app = app
        self._admin = admin
        self._timeout = timeout

    def can(self, described: Call) -> bool:
        """Whether there are credentials for a call."""
        return described.credentials == "caller" or self._admin is not None

    async def ask(self, described: Call, values: Mapping[str, JsonValue], scope: Scope) -> Answer:
        """Make a call while the request of `scope` is handled, and return its answer; raises CallFailed and AdminUnavailable."""
        answer = await self._ask(described, values, scope)
        if answer.status == 401 and described.credentials == "admin" and self._admin is not None:
            self._admin.forget()  # the token may have been taken back before its time
            answer = await self._ask(described, values, scope)
        return answer

    async def _ask(self, described: Call, values: Mapping[str, JsonValue], scope: Scope) -> Answer:
        app, credentials = await self._credentials(described, scope)
        body = b"" if described.body is None else write_json(fill(described.body, values))
        headers = [
            *credentials,
            *((name.lower().encode(), value.encode()) for name, value in described.headers.items()),
        ]
        if described.body is not None:
            content_type = [] if any(name == b"content-type" for name, _ in headers) else [_JSON]
            headers += [*content_type, (b"content-length", str(len(body)).encode())]
        query = urlencode({name: fill_text(value, values) for name, value in described.query.items()}).encode()
        request = own_request(scope, described.method, fill_path(described.path, values), headers, query=query)
        return await call(app, request, body, max_body=MAX_ANSWER, timeout=self._timeout)

    async def _credentials(self, described: Call, scope: Scope) -> tuple[ASGIApp, Headers]:
        if described.credentials == "caller":
            return self._app, [each for each in scope["headers"] if each[0] in _CREDENTIALS]
        if self._admin is None:
            raise AdminUnavailable("the configuration has no [upstream.admin]")
        return self._admin.app, await self._admin.headers(scope)


def values_of(user: User, more: Mapping[str, str]) -> dict[str, JsonValue]:
    """What calls fill in of a user."""
    known: dict[str, JsonValue] = {
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "phone_number": user.phone_number,
        "name": user.name,
    }
    return {**more, **known}


_JSON: Final = (b"content-type", b"application/json")
