"""A route that concerns a user: how it is read, passed on, and what is answered when that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.hooks import Deny, HookFailed, HookTimedOut, Request
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.body_edits import with_body
from hookpoint.proxy.flows.form_endpoint import FormLimits, Reply
from hookpoint.proxy.flows.intercepted import ClientLeft, read_body, replay
from hookpoint.proxy.parameters import METHOD_OVERRIDE, METHOD_OVERRIDE_PARAMETER, is_method_override, judge_query
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.users.denials import Denials
from hookpoint.proxy.users.edits import HalfDone, NotWritable
from hookpoint.proxy.users.layout import Layout
from hookpoint.proxy.users.request import UserRequest, read_user_request
from hookpoint.proxy.wrapped import CallFailed

PARAMETERS: Final = "hookpoint.parameters"
"""The member of a scope that has the open segments of its path."""

FAILURES: Final = (Deny, HookFailed, BodyRefused, NotWritable, HalfDone, StoreError, CallFailed)
_RETRY_AFTER: Final = ((b"retry-after", b"1"),)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """The request goes on with this body and its answer streams back; `outcome` is for metrics."""

    body: bytes = field(repr=False)
    outcome: str


Respond: TypeAlias = Callable[[Scope, UserRequest], Awaitable[Reply | Forward]]


class UserEndpoint:
    """Reads requests strictly and has `respond` answer them; what the route does not mean passes as it came.

    `undone` ends the sentences that tell clients what did not happen.
    """

    def __init__(
        self,
        app: ASGIApp,
        layout: Layout,
        denials: Denials,
        respond: Respond,
        *,
        describe: Callable[[Scope], Request],
        limits: FormLimits,
        undone: str,
    ) -> None:
        self._app = app
        self._layout = layout
        self._methods = frozenset(method.upper() for method in layout.route.methods)
        self._denials = denials
        self._respond = respond
        self._describe = describe
        self._limits = limits
        self._undone = undone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Answer one request; returns what became of it, for metrics."""
        request = self._describe(scope)
        values: Mapping[str, str] = scope.get(PARAMETERS, {})
        with structlog.contextvars.bound_contextvars(request_id=request.id):
            try:
                if scope["method"].upper() not in self._methods:
                    return await self._pass_by(scope, receive, send)
                body, asked = await read_user_request(
                    scope, receive, self._layout, request, parameters=values, limits=self._limits
                )
                if asked is None:
                    await self._app(scope, replay(body, receive), send)
                    return "passed"
                values = asked.values
                ending = await self._respond(scope, asked)
            except ClientLeft:
                return "left"
            except FAILURES as failure:
                ending = self._failed(failure, request.id, values)
            if isinstance(ending, Reply):
                await ending.answer.send(send)
            else:
                inner = scope if ending.body == body else with_body(scope, ending.body)
                await self._app(inner, replay(ending.body, receive), send)
            return ending.outcome

    async def _pass_by(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Let another method pass, unless it could be taken for one of the route's."""
        if judge_query(scope.get("query_string", b""), frozenset()) is not None:
            raise BodyRefused(METHOD_OVERRIDE.reason)
        if any(is_method_override(name) for name, _ in scope["headers"]):
            raise BodyRefused(METHOD_OVERRIDE.reason)
        if scope["method"].upper() == "POST":  # frameworks look for the method in the bodies of these
            body = await read_body(receive, max_bytes=self._limits.body_bytes, timeout=self._limits.body_timeout)
            if METHOD_OVERRIDE_PARAMETER.encode() in unquote_to_bytes(body).lower():
                raise BodyRefused(METHOD_OVERRIDE.reason)
            receive = replay(body, receive)
        await self._app(scope, receive, send)
        return "passed"

    def _failed(self, failure: Exception, request_id: str, values: Mapping[str, str]) -> Reply:
        if isinstance(failure, Deny):
            answer = self._denials.refusal(
                failure.code, failure.reason, failure.user_message, request_id=request_id, values=values
            )
            return Reply(answer=answer, outcome="denied")
        if isinstance(failure, BodyRefused):
            log.info("request_refused", error=failure.error, reason=failure.description)
            # The rest of the body is still on the wire (RFC 9110 sections 15.5.9, 15.5.14).
            headers = ((b"connection", b"close"),) if failure.status in (408, 413) else ()
            answer = self._write(failure.status, failure.error, failure.description, request_id, values, headers)
            return Reply(answer=answer, outcome="refused")
        status, code, text, outcome = self._explained(failure)
        headers = _RETRY_AFTER if status == 503 else ()
        told = f"{text}." if isinstance(failure, HalfDone) else f"{text}; {self._undone}."
        answer = self._write(status, code, told, request_id, values, headers)
        return Reply(answer=answer, outcome=outcome)

    def _explained(self, failure: Exception) -> tuple[int, str, str, str]:
        """Status, code and text for the client, and the outcome; hook failures are logged where hooks run."""
        if isinstance(failure, HookTimedOut):
            return 500, "server_error", "A hook took too long", "hook_failed"
        if isinstance(failure, HookFailed):
            return 500, "server_error", "A hook failed", "hook_failed"
        log.error(getattr(failure, "code", type(failure).__name__), reason=str(failure))
        if isinstance(failure, HalfDone):
            return failure.status, "server_error", failure.told, "half_done"
        if isinstance(failure, NotWritable):
            return 500, "server_error", "What a hook added cannot be kept", "hook_failed"
        if isinstance(failure, StoreError):
            return 503, "temporarily_unavailable", "The request cannot be recorded at the moment", "store_unavailable"
        late = isinstance(failure, CallFailed) and failure.timed_out
        if late:
            return 504, "temporarily_unavailable", "The server did not answer in time", "upstream_failed"
        return 502, "server_error", "The server's answer cannot be used", "upstream_failed"

    def _write(
        self,
        status: int,
        code: str,
        text: str,
        request_id: str,
        values: Mapping[str, str],
        headers: tuple[tuple[bytes, bytes], ...],
    ) -> Answer:
        return self._denials.failure(status, code, text, request_id=request_id, values=values, headers=headers)
