"""Serves the hooks of one point in one format."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import structlog
from starlette.types import Receive, Scope, Send

from hookpoint.hooks import POINTS, Chain, Deny, HookFailed
from hookpoint.hooks.events import CredentialsExchange, before_the_server
from hookpoint.hooks.http.formats import format as formats
from hookpoint.hooks.http.formats.format import Codec, Facts, Format, Unsayable, Verdict
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.points import AnyPoint, send_phone_message
from hookpoint.hooks.strict_json import JsonError, JsonObject, write_json
from hookpoint.proxy.answers import Answer, Headers, json_answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.flows.intercepted import ClientLeft, Directory, read_body
from hookpoint.proxy.gateway.authentication import Authentication
from hookpoint.proxy.gateway.bodies import MAX_BYTES, check_kind
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed, Unauthenticated
from hookpoint.proxy.hook_server.repeats import Repeats

_BODY_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


class _Refused(Exception):  # noqa: N818 - carries an answer through the steps
    def __init__(self, outcome: str, answer: Answer) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.answer = answer


class HookFlow:
    """Checks, reads, runs and answers, all in the words of a format. `authentication` is None where a caller proves nothing."""

    def __init__(
        self,
        format_: Format,
        point: AnyPoint,
        chain: Chain,
        authentication: Authentication | None,
        *,
        directory: Directory,
        new_id: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._format = format_
        self._point = point
        self._codec: Codec = format_.codecs[point]
        self._chain = chain
        self._authentication = authentication
        self._directory = directory
        self._new_id = new_id
        self._now = now
        # Asking for a decision again is harmless; a message must not go out twice, nor a delivery be acted on twice.
        self._repeats = None if point.blocking and point is not send_phone_message else Repeats()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one call; returns what became of it, for metrics."""
        with structlog.contextvars.bound_contextvars(request_id=self._new_id()):
            try:
                call = await self._read(scope, receive)
                if self._repeats is None:
                    answer = await self._serve(call)
                else:
                    answer = await self._repeats.once(self._key(call), lambda: self._serve(call))
            except _Refused as refused:
                await refused.answer.send(send, body=scope["method"] != "HEAD")
                return refused.outcome
            except ClientLeft:
                return "client_left"
            await answer.send(send)
            return "answered" if answer.status < 500 else "failed"

    async def _read(self, scope: Scope, receive: Receive) -> Call:
        """An authentic call."""
        if scope["method"] != "POST":
            raise self._refuse("method_not_allowed", 405, "Only POST is served here.", ((b"allow", b"POST"),))
        try:
            call = Call(headers=scope["headers"], body=b"", at=self._now())
            check_kind(call, frozenset({"json"}))
            call = replace(call, body=await read_body(receive, max_bytes=MAX_BYTES, timeout=_BODY_SECONDS))
            if self._authentication is not None:
                self._authentication.check(call)
        except BodyRefused as refused:
            raise self._refuse(refused.code, refused.status, refused.description) from None
        except Unauthenticated as error:
            raise self._refuse(error.code, error.status, str(error), detail=error.detail) from None
        except Malformed as error:
            raise self._refuse(error.code, error.status, str(error)) from None
        return call

    async def _serve(self, call: Call) -> Answer:
        try:
            members = JsonObject.parse(call.body, max_bytes=MAX_BYTES).members
            facts = Facts(id=call.header("webhook-id") or self._digest(call), at=call.at)
            event = self._with_client(self._codec.read_event(Members(members), facts))
        except (JsonError, Unreadable) as error:
            raise self._refuse("malformed", 400, f"The body is not what is served here: {error}.") from None
        verdict = await self._judge(event)
        try:
            said = self._codec.write_answer(event, verdict, facts)
        except Unsayable as limit:
            log.error("hook_answer_unsayable", format=self._format.name, point=self._point.name, reason=str(limit))
            said = self._codec.write_answer(event, Verdict(failed=True), facts)
        return _written(said)

    async def _judge(self, event: Any) -> Verdict:
        """What the hooks of the event's own point make of it; a format may have one hook for tokens of every grant."""
        point = self._point_of(event)
        try:
            if isinstance(event, CredentialsExchange):
                await self._chain.run(point, before_the_server(event), early=True)
            outcome = await self._chain.run(point, event)
        except Deny as denial:
            return Verdict(denial=denial)
        except HookFailed:
            return Verdict(failed=True)
        return Verdict(changes=outcome.changes)

    def _point_of(self, event: object) -> AnyPoint:
        return next(point for point in POINTS.values() if type(event) is point.event)

    def _with_client(self, event: Any) -> Any:
        """What the configuration says of a client of which the call tells no more than the id."""
        client = getattr(event, "client", None)
        if client is None or client.name or client.metadata:
            return event
        return replace(event, client=self._directory.client(client.id))

    def _key(self, call: Call) -> str:
        """The same for all attempts at one message; the id where it is the caller's word for that, else what the body is."""
        message_id = call.header("webhook-id")
        return message_id if message_id and self._format.name == "hookpoint" else self._digest(call)

    @staticmethod
    def _digest(call: Call) -> str:
        return hashlib.sha256(call.body).hexdigest()

    def _refuse(self, code: str, status: int, message: str, headers: Headers = (), *, detail: str = "") -> _Refused:
        log.warning(
            "hook_call_refused",
            format=self._format.name,
            point=self._point.name,
            code=code,
            reason=detail or message,
        )
        answer = _written(self._format.complain(status, code, message))
        return _Refused(code, replace(answer, headers=(*answer.headers, *headers)))


def _written(said: formats.Answer) -> Answer:
    if said.status == 204:
        return Answer(status=204)
    return json_answer(said.status, write_json(said.members))
