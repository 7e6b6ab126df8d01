"""Takes back what the server issued and a hook then refused (RFC 7009)."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.hooks.strict_json import JsonObject
from hookpoint.proxy.flows.token_request import TokenRequest
from hookpoint.proxy.wrapped import CallFailed, call, form_request

_MAX_ANSWER = 64 * 1024
_KEPT_HEADERS = frozenset([b"authorization", b"x-forwarded-for", b"forwarded"])

log = structlog.get_logger(__name__)


class Undo:
    """Revokes tokens at the server's revocation endpoint, as the client that they were issued to.

    `path` is None for a server that has no such endpoint. `timeout` is in seconds. What cannot be revoked is logged: the tokens never
    left hookpoint, but the server counts them as issued.
    """

    def __init__(self, app: ASGIApp, path: str | None, *, timeout: float = 5.0) -> None:
        self._app = app
        self._path = path
        self._timeout = timeout

    async def revoke(self, scope: Scope, asked: TokenRequest, envelope: JsonObject, *members: str) -> None:
        """Revoke members of an answer, such as `refresh_token`, where they are present."""
        for member in members:
            token = envelope.members.get(member)
            if isinstance(token, str) and not await self._revoke(scope, asked, token, member):
                return

    async def _revoke(self, scope: Scope, asked: TokenRequest, token: str, hint: str) -> bool:
        credentials = asked.credentials
        if self._path is None or credentials is None:
            reason = (
                "the server has no revocation endpoint" if self._path is None else "the client's proof is good once"
            )
            log.warning("token_not_revoked", client_id=asked.client_id, reason=reason)
            return False
        form = urlencode({"token": token, "token_type_hint": hint, **credentials}).encode()
        try:
            kept = [each for each in scope["headers"] if each[0] in _KEPT_HEADERS]
            request = form_request(scope, self._path, form, kept)
            answer = await call(self._app, request, form, max_body=_MAX_ANSWER, timeout=self._timeout)
        except CallFailed as error:
            log.warning("token_not_revoked", client_id=asked.client_id, reason=error.reason)
            return False
        if answer.status != 200:
            log.warning("token_not_revoked", client_id=asked.client_id, reason=f"the server answered {answer.status}")
            return False
        log.info("token_revoked", client_id=asked.client_id, kind=hint)
        return True
