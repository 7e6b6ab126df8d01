"""Re-issued tokens that are traded in at the token endpoint (RFC 8693, RFC 7523)."""

from __future__ import annotations

from typing import Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.proxy.bodies import BodyRefused, parse_form, parse_json
from hookpoint.proxy.body_edits import with_body
from hookpoint.proxy.content_headers import check_content_headers
from hookpoint.proxy.flows.form_endpoint import FAILURES, FormRequest, failure
from hookpoint.proxy.flows.intercepted import ClientLeft, read_body, replay
from hookpoint.proxy.tokens.own_tokens import OwnToken, OwnTokens
from hookpoint.proxy.vault.kinds import ACCESS, ID

# The parameters, and how a server says that it does not take their value (RFC 8693 section 2.2.2, RFC 7521 section 4.1.1).
_ERRORS: Final = {"subject_token": "invalid_request", "actor_token": "invalid_request", "assertion": "invalid_grant"}
_NAMES: Final = tuple(name.encode() for name in _ERRORS)

log = structlog.get_logger(__name__)


class ExchangedTokens:
    """Stands before the server's token endpoint and puts originals in the place of re-issued tokens.

    It is called with requests that were read and judged before. What is not good never reaches the server: to a server that takes
    tokens by its published keys, ours would look like its own.
    """

    def __init__(self, app: ASGIApp, tokens: OwnTokens, *, max_bytes: int, timeout: float) -> None:
        self._app = app
        self._tokens = tokens
        self._max_bytes = max_bytes
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one token request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(receive, max_bytes=self._max_bytes, timeout=self._timeout)
            changed = await self._swapped(scope, body) if any(name in body for name in _NAMES) else body
        except ClientLeft:
            return
        except FAILURES as error:
            await failure(error).answer.send(send)
            return
        await self._app(scope if changed is body else with_body(scope, changed), replay(changed, receive), send)

    async def _swapped(self, scope: Scope, body: bytes) -> bytes:
        kind = check_content_headers(scope["headers"], json_allowed=True)
        members = (parse_form(body) if kind == "form" else parse_json(body)).members
        form = FormRequest(kind=kind, body=body, members=members)
        originals: dict[str, str] = {}
        for name, error in _ERRORS.items():
            token = form.text(name)
            found = None if token is None else await self._find(token)
            if found is None or not found.is_ours:
                continue
            if found.good_original is None:
                log.info("own_token_refused", parameter=name, reason=found.state)
                raise BodyRefused(f"The {name} is expired, revoked or not known.", error=error)
            originals[name] = found.good_original
        return form.replaced(originals) if originals else body

    async def _find(self, token: str) -> OwnToken:
        found = await self._tokens.find(token, ACCESS)
        return await self._tokens.find(token, ID) if found.state == "unmapped" else found
