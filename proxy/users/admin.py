"""The credentials of an administrator of the server."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from starlette.types import ASGIApp, Scope

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import Answer, Headers
from hookpoint.proxy.config.upstream import AdminSettings
from hookpoint.proxy.wrapped import CallFailed, call, form_request

_MAX_ANSWER: Final = 64 * 1024
_MARGIN: Final = 30.0  # seconds before its end that a token is used no more
_LIFETIME: Final = 300.0  # of a token whose answer does not say (RFC 6749 section 5.1)


class AdminUnavailable(Exception):  # noqa: N818 - a state, not a mistake
    """No administrator's call can be made; the text is for operators."""

    code = "admin_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminClient:
    """A client that gets tokens for itself (RFC 6749 section 4.4) at a path of the server; `parameters` go along."""

    client_id: str
    client_secret: str = field(repr=False)
    token_path: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def authorization(self) -> bytes:
        """The header value of client_secret_basic (RFC 6749 section 2.3.1)."""
        pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
        return b"Basic " + b64encode(pair.encode())

    @property
    def form(self) -> bytes:
        """The body of a token request."""
        return urlencode({"grant_type": "client_credentials", **self.parameters}).encode()


class AdminAccess:
    """Credentials as header fields: fixed ones, and a token of a client that is renewed in time.

    `app` is where administrators' calls go, `token_app` where tokens come from. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token_app: ASGIApp,
        fixed: Headers,
        client: AdminClient | None,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app: Final = app
        self._token_app = token_app
        self._fixed = fixed
        self._client = client
        self._timeout = timeout
        self._clock = clock
        self._token = ""
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()

    async def headers(self, scope: Scope) -> Headers:
        """The credentials, while the request of `scope` is handled; raises AdminUnavailable."""
        if self._client is None:
            return self._fixed
        async with self._asking:
            if self._clock() >= self._fresh_until:
                await self._renew(self._client, scope)
            return [*self._fixed, (b"authorization", f"Bearer {self._token}".encode())]

    def forget(self) -> None:
        """Get a new token for the next call: the server did not take this one."""
        self._fresh_until = 0.0

    async def _renew(self, client: AdminClient, scope: Scope) -> None:
        request = form_request(scope, client.token_path, client.form, [(b"authorization", client.authorization)])
        try:
            answer = await call(self._token_app, request, client.form, max_body=_MAX_ANSWER, timeout=self._timeout)
        except CallFailed as error:
            raise AdminUnavailable(f"no token at {client.token_path}: {error.reason}") from error
        self._token, lifetime = _granted(answer, client.token_path)
        self._fresh_until = self._clock() + max(lifetime - _MARGIN, 0.0)


def _granted(answer: Answer, path: str) -> tuple[str, float]:
    try:
        members = JsonObject.parse(answer.body).members if answer.status == 200 else {}
    except JsonError:
        members = {}
    token, lifetime = members.get("access_token"), members.get("expires_in", _LIFETIME)
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise AdminUnavailable(f"the server answered {answer.status} for {path}, without a token")
    return token, float(lifetime) if isinstance(lifetime, int) else _LIFETIME


def open_admin(
    settings: AdminSettings | None,
    app: ASGIApp,
    *,
    elsewhere: Callable[[str], ASGIApp],
    token_path: str,
    timeout: float,
) -> AdminAccess | None:
    """The administrator of the configuration, None where it has none. `elsewhere` gives an application for another origin."""
    if settings is None:
        return None
    client = None
    if settings.client_id is not None and settings.client_secret is not None:
        client = AdminClient(
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            token_path=settings.token_path or token_path,
            parameters=settings.parameters,
        )
    return AdminAccess(
        app if settings.url is None else elsewhere(settings.url),
        token_app=app,
        fixed=[(name.lower().encode(), value.get_secret_value().encode()) for name, value in settings.headers.items()],
        client=client,
        timeout=timeout,
    )
