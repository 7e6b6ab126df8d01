"""The route on which a server says that a code was typed in correctly."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from hookpoint.proxy.answers import Answer, error_answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.flows.intercepted import ClientLeft, read_body
from hookpoint.proxy.gateway.authentication import Bearer
from hookpoint.proxy.gateway.bodies import check_kind, read_json_or_form
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import GatewayError
from hookpoint.proxy.gateway.format import JSON_OR_FORM
from hookpoint.proxy.store import StoreError

KIND: Final = "sms_verified"
MAX_BYTES: Final = 4096
_BODY_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


class Verified(Protocol):
    """Takes the signal; returns whether the number is one that messages are sent to, raises StoreError."""

    def __call__(self, recipient: str, *, ip: str | None = None) -> Awaitable[bool]: ...


class VerifiedFlow:
    """`POST` with a bearer token, and `to` and perhaps `ip` as JSON or form; 204, once for each code.

    `ip` is the address for which the message was asked for.
    """

    def __init__(self, secrets: Sequence[str], verified: Verified, *, now: Callable[[], float] = time.time) -> None:
        self._authentication = Bearer(secrets=secrets)
        self._verified = verified
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one call; returns `taken` or the code of what was wrong, for metrics."""
        try:
            outcome, answer = await self._serve(scope, receive)
        except ClientLeft:
            return "client_left"
        await answer.send(send, body=scope["method"] != "HEAD")
        return outcome

    async def _serve(self, scope: Scope, receive: Receive) -> tuple[str, Answer]:
        if scope["method"] != "POST":
            return _refused("method_not_allowed", "Only POST is served here.", 405, allow=True)
        try:
            call = Call(headers=scope["headers"], body=b"", at=self._now())
            check_kind(call, JSON_OR_FORM)
            self._authentication.check(call)
            body = await read_body(receive, max_bytes=MAX_BYTES, timeout=_BODY_SECONDS)
            members = read_json_or_form(Call(headers=call.headers, body=body, at=call.at))
            known = await self._verified(members.number("to"), ip=members.address("ip") or None)
        except BodyRefused as refused:
            return _refused(refused.code, refused.description, refused.status)
        except GatewayError as error:
            return _refused(error.code, str(error), error.status)
        except StoreError as error:
            log.error("sms_store_failed", code=error.code, reason=str(error))
            return _refused("unavailable", "Try again later.", 503)
        if not known:
            return _refused("invalid_number", "No messages are sent to this number.", 422)
        return "taken", Answer(status=204, headers=((b"cache-control", b"no-store"),))


def _refused(code: str, message: str, status: int, *, allow: bool = False) -> tuple[str, Answer]:
    log.warning("sms_verified_refused", code=code)
    return code, error_answer(status, code, message, headers=((b"allow", b"POST"),) if allow else ())
