"""An endpoint that takes a form (RFC 6749 section 3.2): how it is read, passed on, and what is answered when that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.hooks.strict_json import JsonObject
from hookpoint.proxy.answers import Answer, error_answer
from hookpoint.proxy.bodies import BodyRefused, parse_form, parse_json, read_text
from hookpoint.proxy.body_edits import edited_form, with_body
from hookpoint.proxy.content_headers import check_content_headers
from hookpoint.proxy.flows.intercepted import ClientLeft, read_body, replay
from hookpoint.proxy.parameters import judge_query
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.tokens.errors import SigningKeyError
from hookpoint.proxy.wrapped import CallFailed, call, with_identity_coding

MAX_ANSWER: Final = 1024 * 1024

log = structlog.get_logger(__name__)


class AnswerUnusable(Exception):  # noqa: N818 - a verdict on the server's answer
    """The server's answer cannot be brought in line with a re-issued token; the text is for operators."""

    code = "answer_unusable"


FAILURES: Final = (BodyRefused, StoreError, SigningKeyError, CallFailed, AnswerUnusable)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """Bounds of a body, in bytes and seconds."""

    body_bytes: int = 64 * 1024
    body_timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRequest:
    """The parameters of a request, and the bytes they were read from."""

    kind: Literal["form", "json"]
    body: bytes = field(repr=False)
    members: Mapping[str, object] = field(repr=False)

    def text(self, name: str) -> str | None:
        """One parameter, None when absent or empty; raises BodyRefused when it is not one text."""
        return read_text(self.members, name)

    def replaced(self, values: Mapping[str, str]) -> bytes:
        """The body with some values replaced, and every other byte as it came."""
        if not values:
            return self.body
        return edited_form(self.body, values) if self.kind == "form" else JsonObject.parse(self.body).edited(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered, and what became of the request, for metrics."""

    answer: Answer
    outcome: str


Respond: TypeAlias = Callable[[Scope, FormRequest], Awaitable[Reply | None]]


class Upstream:
    """The application behind, as flows call it that change a body and read the answer. `timeout` is in seconds."""

    def __init__(self, app: ASGIApp, *, timeout: float = 60.0) -> None:
        self.app: Final = app
        self._timeout = timeout

    async def call(self, scope: Scope, body: bytes) -> Answer:
        """Send a request on with a body in place of its own and read the answer; raises CallFailed."""
        inner = with_body({**scope, "headers": with_identity_coding(scope["headers"])}, body)
        return await call(self.app, inner, body, max_body=MAX_ANSWER, timeout=self._timeout)


class FormEndpoint:
    """Reads POST requests strictly and has `respond` answer them; what it returns None for passes as it came.

    Other methods pass. `new_id` names a request in logs and errors.
    """

    def __init__(
        self,
        app: ASGIApp,
        respond: Respond,
        *,
        new_id: Callable[[Scope], str],
        limits: FormLimits,
        json_allowed: bool = False,
    ) -> None:
        self._app = app
        self._respond = respond
        self._new_id = new_id
        self._limits = limits
        self._json_allowed = json_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one request; returns what became of it, for metrics."""
        # Some frameworks serve `post` as `POST`.
        if scope["method"].upper() != "POST":
            await self._app(scope, receive, send)
            return "passed"
        request_id = self._new_id(scope)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                form = await self._read(scope, receive)
                reply = await self._respond(scope, form)
            except ClientLeft:
                return "left"
            except FAILURES as error:
                reply = failure(error, request_id)
            if reply is None:
                await self._app(scope, replay(form.body, receive), send)
                return "passed"
            await reply.answer.send(send)
            return reply.outcome

    async def _read(self, scope: Scope, receive: Receive) -> FormRequest:
        if refused := judge_query(scope.get("query_string", b"")):
            raise BodyRefused(refused.reason)
        kind = check_content_headers(scope["headers"], json_allowed=self._json_allowed)
        body = await read_body(receive, max_bytes=self._limits.body_bytes, timeout=self._limits.body_timeout)
        members = (parse_form(body) if kind == "form" else parse_json(body)).members
        return FormRequest(kind=kind, body=body, members=members)


def failure(error: Exception, request_id: str = "") -> Reply:
    """What is answered when a request about tokens cannot be served: `error` is one of FAILURES."""
    if isinstance(error, BodyRefused):
        log.info("request_refused", error=error.error, reason=error.description)
        # The rest of the body is still on the wire (RFC 9110 sections 15.5.9, 15.5.14).
        headers = [(b"connection", b"close")] if error.status in (408, 413) else []
        answer = error_answer(error.status, error.error, error.description, request_id=request_id, headers=headers)
        return Reply(answer=answer, outcome="refused")
    if isinstance(error, CallFailed) and error.timed_out:
        log.error("upstream_call_failed", reason=error.reason)
        late = error_answer(504, "temporarily_unavailable", "The server did not answer in time.", request_id=request_id)
        return Reply(answer=late, outcome="upstream_failed")
    if isinstance(error, (CallFailed, AnswerUnusable)):
        log.error(error.code, reason=str(error))
        unusable = error_answer(502, "server_error", "The server's answer cannot be used.", request_id=request_id)
        return Reply(answer=unusable, outcome="upstream_failed")
    log.error("own_tokens_unreadable", code=getattr(error, "code", ""), reason=str(error))
    text = "Tokens cannot be looked up at the moment."
    headers = [(b"retry-after", b"1")]
    unavailable = error_answer(503, "temporarily_unavailable", text, request_id=request_id, headers=headers)
    return Reply(answer=unavailable, outcome="store_unavailable")
