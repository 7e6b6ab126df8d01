"""The user-info endpoint (OpenID Connect Core section 5.3): tokens in forms, and what hooks added to opaque tokens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.flows.bearer import unauthorized
from hookpoint.proxy.flows.differences import Difference, recorded_difference
from hookpoint.proxy.flows.form_endpoint import (
    FAILURES,
    FormEndpoint,
    FormLimits,
    FormRequest,
    Reply,
    Upstream,
    failure,
)
from hookpoint.proxy.flows.token_answer import rewritten
from hookpoint.proxy.tokens.own_tokens import OwnTokens

_BEARER: Final = re.compile(rb"(?i:bearer) ([A-Za-z0-9._~+/-]+=*)")
_FORM: Final = b"application/x-www-form-urlencoded"
# Section 5.3.2: the subject stays that of the ID token; the others speak of the token and not of the user.
_NOT_OF_THE_USER: Final = frozenset(["sub", "iss", "aud", "exp", "iat", "nbf", "jti", "client_id", "azp"])


class UserInfo:
    """Serves user info; tokens in the Authorization header were swapped before."""

    def __init__(
        self,
        upstream: Upstream,
        tokens: OwnTokens,
        *,
        new_id: Callable[[Scope], str],
        limits: FormLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._upstream = upstream
        self._tokens = tokens
        self._form = FormEndpoint(upstream.app, self._respond, new_id=new_id, limits=limits)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one request; returns what became of it, for metrics."""
        if scope["method"].upper() == "POST" and _is_form(scope):
            return await self._form(scope, receive, send)
        try:
            token = _bearer_token(scope)
            recorded = None if token is None else await recorded_difference(self._tokens.vault, token)
            reply = None if recorded is None else await self._with_claims(scope, b"", recorded)
        except FAILURES as error:
            reply = failure(error)
        if reply is None:
            await self._upstream.app(scope, receive, send)
            return "passed"
        await reply.answer.send(send, body=scope["method"] != "HEAD")
        return reply.outcome

    async def _respond(self, scope: Scope, form: FormRequest) -> Reply | None:
        """Answer a request with its token in a form (RFC 6750 section 2.2)."""
        token = form.text("access_token")
        if token is None:
            return None
        found = await self._tokens.find(token)
        if not found.is_ours:
            recorded = await recorded_difference(self._tokens.vault, token)
            return None if recorded is None else await self._with_claims(scope, form.body, recorded)
        if found.good_original is None:
            return Reply(answer=unauthorized(b"Bearer"), outcome="refused")
        answer = await self._upstream.call(scope, form.replaced({"access_token": found.good_original}))
        return Reply(answer=answer, outcome="swapped")

    async def _with_claims(self, scope: Scope, body: bytes, recorded: Difference) -> Reply:
        if recorded.expires_at is not None and recorded.expires_at <= self._clock():
            return Reply(answer=unauthorized(b"Bearer"), outcome="refused")
        answer = await self._upstream.call(scope, body)
        document = _document(answer)
        if document is None:
            return Reply(answer=answer, outcome="passed")
        claims = {name: value for name, value in recorded.claims.items() if name not in _NOT_OF_THE_USER}
        removed = [name for name in recorded.removed if name not in _NOT_OF_THE_USER]
        return Reply(answer=rewritten(answer, document, claims, removed), outcome="merged")


def _document(answer: Answer) -> JsonObject | None:
    """The claims, where the answer is JSON; a signed one (section 5.3.2) is the server's word alone and passes."""
    if answer.status != 200 or answer.media_type != b"application/json":
        return None
    try:
        return JsonObject.parse(answer.body)
    except JsonError:
        return None


def _bearer_token(scope: Scope) -> str | None:
    fields = [value for name, value in scope["headers"] if name == b"authorization"]
    match = _BEARER.fullmatch(fields[0]) if len(fields) == 1 else None
    return None if match is None else match[1].decode("ascii")


def _is_form(scope: Scope) -> bool:
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    return any(value.strip().lower().startswith(_FORM) for value in types)
