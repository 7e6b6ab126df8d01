"""Serves one route of the gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from hookpoint.hooks import Client
from hookpoint.proxy.answers import Answer, Headers
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.flows.intercepted import ClientLeft, Directory, read_body
from hookpoint.proxy.gateway.answering import Accepted, Failure, FailureKind, judge
from hookpoint.proxy.gateway.bodies import MAX_BYTES, check_kind
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import GatewayError, Unauthenticated
from hookpoint.proxy.gateway.format import Format
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import DeliveryResult

_LEAST_SECONDS: Final = 0.05

log = structlog.get_logger(__name__)


class Delivery(Protocol):
    """Delivers a message; whatever goes wrong is in the result."""

    async def deliver(self, request: DeliveryRequest, *, deadline: float) -> DeliveryResult:
        """`deadline` is how many seconds the caller waits for the answer."""


class _NotTried(Exception):  # noqa: N818 - carries a failure through the steps
    def __init__(self, failure: Failure, headers: Headers = ()) -> None:
        super().__init__(failure.code)
        self.failure = failure
        self.headers = headers


class GatewayFlow:
    """Checks, reads, delivers and answers the calls of one route, all in the words of its format.

    `path` keeps the messages of one route apart from those of others. `deadline` is how many seconds the caller waits. `now` gives
    seconds since 1970, `clock` is monotonic.
    """

    def __init__(
        self,
        format: Format,  # noqa: A002 - what it is
        delivery: Delivery,
        *,
        path: str,
        deadline: float,
        directory: Directory,
        new_id: Callable[[], str],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._format = format
        self._delivery = delivery
        self._path = path
        self._deadline = deadline
        self._directory = directory
        self._new_id = new_id
        self._now = now
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one call; returns `sent`, `denied` or the code of what went wrong, for metrics."""
        until = self._clock() + self._deadline
        call_id = self._new_id()
        with structlog.contextvars.bound_contextvars(request_id=call_id):
            try:
                verdict = await self._serve(scope, receive, call_id, until)
            except _NotTried as refusal:
                answer = self._format.refuse(refusal.failure)
                await _with(answer, refusal.headers).send(send, body=scope["method"] != "HEAD")
                return refusal.failure.code
            except ClientLeft:
                return "client_left"
            if isinstance(verdict, Accepted):
                await self._format.accept(verdict).send(send)
                return "sent"
            await self._format.refuse(verdict).send(send)
            return "denied" if verdict.kind == "denied" else verdict.code

    async def _serve(self, scope: Scope, receive: Receive, call_id: str, until: float) -> Accepted | Failure:
        request = await self._read(scope, receive, until)
        request = replace(
            request,
            client=self._known(request.client),
            request=replace(request.request, id=call_id),
        )
        result = await self._delivery.deliver(request, deadline=max(_LEAST_SECONDS, until - self._clock()))
        return judge(result)

    async def _read(self, scope: Scope, receive: Receive, until: float) -> DeliveryRequest:
        if scope["method"] != "POST":
            raise self._refused(
                "malformed", "method_not_allowed", "Only POST is served here.", 405, ((b"allow", b"POST"),)
            )
        try:
            call = Call(headers=scope["headers"], body=b"", at=self._now())
            check_kind(call, self._format.bodies)
            body = await read_body(receive, max_bytes=MAX_BYTES, timeout=max(_LEAST_SECONDS, until - self._clock()))
            call = replace(call, body=body)
            self._format.authentication.check(call)
            return replace(self._format.read(call), idempotency_key=f"{self._path} {self._format.key(call)}")
        except BodyRefused as refused:
            raise self._refused("malformed", refused.code, refused.description, refused.status) from None
        except Unauthenticated as error:
            raise self._refused("unauthenticated", error.code, str(error), error.status, detail=error.detail) from None
        except GatewayError as error:
            raise self._refused("malformed", error.code, str(error), error.status) from None

    def _refused(
        self,
        kind: FailureKind,
        code: str,
        message: str,
        status: int,
        headers: Headers = (),
        *,
        detail: str = "",
    ) -> _NotTried:
        log.warning("sms_gateway_refused", format=self._format.name, code=code, reason=detail or message)
        return _NotTried(Failure(kind=kind, code=code, message=message, status=status), headers)

    def _known(self, client: Client | None) -> Client | None:
        """What the configuration says of a client of which the call tells no more than the id."""
        if client is None or client.name or client.metadata:
            return client
        return self._directory.client(client.id)


def _with(answer: Answer, headers: Headers) -> Answer:
    return replace(answer, headers=(*answer.headers, *headers)) if headers else answer
