"""What browsers carry to the server: authorization requests, pushed ones (RFC 9126), and logout requests.

Tokens that an authorization response brings along meet no hook, and hints may be ID tokens that were signed again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import error_answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.body_edits import decoded, edited_form, with_body, with_query
from hookpoint.proxy.flows.form_endpoint import FAILURES, FormLimits, failure
from hookpoint.proxy.flows.intercepted import ClientLeft, read_body, replay
from hookpoint.proxy.parameters import readings
from hookpoint.proxy.tokens.compact import classify, split
from hookpoint.proxy.tokens.errors import TokenRejected
from hookpoint.proxy.tokens.own_tokens import OwnTokens
from hookpoint.proxy.vault.kinds import ID

RESPONSE_TYPE: Final = "response_type"
_HINT: Final = "id_token_hint"
_FORM: Final = b"application/x-www-form-urlencoded"
_words = re.compile(r"[a-z_]+").findall

log = structlog.get_logger(__name__)


class TokensInFront(Exception):  # noqa: N818 - a verdict on the request
    """An authorization request asks for tokens in its response."""


class FrontChannel:
    """Serves endpoints whose parameters stand in a query or a form.

    `blocks_tokens` refuses requests for an access token in the authorization response (RFC 6749 section 4.2, OAuth 2.0 Multiple
    Response Types section 5). With `tokens`, hints are replaced by what they stand for. Nothing else changes, and bodies other
    than forms pass where nothing is blocked.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        blocks_tokens: bool,
        tokens: OwnTokens | None,
        new_id: Callable[[Scope], str],
        limits: FormLimits,
    ) -> None:
        self._app = app
        self._blocks_tokens = blocks_tokens
        self._tokens = tokens
        self._new_id = new_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one request; returns what became of it, for metrics."""
        request_id = self._new_id(scope)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                query = await self._judged(scope["query_string"])
                inner = scope if query is None else with_query(scope, query)
                inner, receive = await self._with_body(inner, receive)
            except ClientLeft:
                return "left"
            except TokensInFront:
                log.warning("front_channel_token_blocked", remedy="use response_type=code")
                text = "Access tokens are issued by the token endpoint only; use response_type=code."
                await error_answer(400, "unsupported_response_type", text, request_id=request_id).send(send)
                return "blocked"
            except FAILURES as error:
                reply = failure(error, request_id)
                await reply.answer.send(send)
                return reply.outcome
            await self._app(inner, receive, send)
            return "passed"

    async def _with_body(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        if scope["method"].upper() not in ("POST", "PUT", "PATCH"):
            return scope, receive
        fields = {name: value for name, value in scope["headers"] if name in (b"content-type", b"content-encoding")}
        is_form = fields.get(b"content-type", b"").strip().lower().startswith(_FORM)
        if not is_form and not self._blocks_tokens:
            return scope, receive
        if self._blocks_tokens and b"content-encoding" in fields:
            raise BodyRefused("The body must not be compressed.", status=415)
        body = await read_body(receive, max_bytes=self._limits.body_bytes, timeout=self._limits.body_timeout)
        if not is_form and RESPONSE_TYPE.encode() in body.lower():
            raise BodyRefused("Authorization requests are sent as application/x-www-form-urlencoded.")
        changed = await self._judged(body) if is_form else None
        if changed is None:
            return scope, replay(body, receive)
        return with_body(scope, changed), replay(changed, receive)

    async def _judged(self, form: bytes) -> bytes | None:
        """The parameters with hints replaced, None when they stay; raises TokensInFront."""
        if self._blocks_tokens and any(map(_asks_for_token, _response_types(form))):
            raise TokensInFront
        if self._tokens is None or _HINT.encode() not in form:
            return None
        originals = {}
        for name, value in _pairs(form):
            if name == _HINT:
                # A hint is no credential: an expired one still says who is meant, and what is not known is for the server to refuse.
                found = await self._tokens.find(value, ID)
                if found.original is not None:
                    originals[name] = found.original
        return edited_form(form, originals) if originals else None


def _pairs(form: bytes) -> Iterator[tuple[str, str]]:
    for pair in form.split(b"&"):
        name, _, value = pair.partition(b"=")
        yield decoded(name), decoded(value)


def _response_types(form: bytes) -> Iterator[str]:
    """Every value that some server takes for the response type, those in request objects (RFC 9101) included."""
    for part in re.split(rb"[&;]", form):
        name, _, value = part.partition(b"=")
        names = readings(decoded(name))
        if RESPONSE_TYPE in names:
            yield decoded(value)
        elif "request" in names:
            yield _response_type_of(decoded(value))


def _response_type_of(request_object: str) -> str:
    try:
        value = JsonObject.parse(split(request_object).payload).members.get(RESPONSE_TYPE)
    except (TokenRejected, JsonError):
        if classify(request_object) == "jwe":
            log.warning("request_object_unreadable", reason="it is encrypted to the server")
        return ""
    return value if isinstance(value, str) else ""


def _asks_for_token(response_type: str) -> bool:
    # Whatever separates the words: a server may be more generous than the one space of RFC 6749 section 3.1.1.
    return "token" in _words(response_type.lower())
