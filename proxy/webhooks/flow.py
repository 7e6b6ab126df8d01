"""Serves one route of webhooks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from hookpoint.hooks.deliveries import Outbox
from hookpoint.proxy.answers import Answer, error_answer, json_answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.config.webhooks import WebhookSettings
from hookpoint.proxy.flows.intercepted import ClientLeft, read_body
from hookpoint.proxy.gateway.bodies import MAX_BYTES, check_kind, read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import GatewayError, Unauthenticated
from hookpoint.proxy.gateway.format import JSON
from hookpoint.proxy.own_routes import OwnRoute
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.users.deliveries import subject_of
from hookpoint.proxy.webhooks.formats import FORMATS
from hookpoint.proxy.webhooks.reading import Ignored, event_of

KIND: Final = "webhook"
_BODY_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


class WebhookFlow:
    """Takes what a server tells of its users; the answer is 2xx once that is stored, so that the sender need not repeat it.

    `outbox` gives where events are stored, or None where no hook runs after the answer. `now` is in seconds since 1970.
    """

    def __init__(
        self,
        format: str,  # noqa: A002 - what it is
        secrets: Sequence[str],
        *,
        path: str,
        outbox: Callable[[], Outbox | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._name = format
        self._format = FORMATS[format]
        self._authentication = self._format.authentication(secrets)
        self._path = path
        self._outbox = outbox
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Serve one call; returns `stored`, `repeated`, `ignored` or the code of what was wrong, for metrics."""
        try:
            outcome, answer = await self._serve(scope, receive)
        except ClientLeft:
            return "client_left"
        await answer.send(send, body=scope["method"] != "HEAD")
        return outcome

    async def _serve(self, scope: Scope, receive: Receive) -> tuple[str, Answer]:
        if scope["method"] != "POST":
            return self._refused("method_not_allowed", "Only POST is served here.", 405, allow=True)
        try:
            call = Call(headers=scope["headers"], body=b"", at=self._now())
            check_kind(call, JSON)
            call = replace(call, body=await read_body(receive, max_bytes=MAX_BYTES, timeout=_BODY_SECONDS))
            self._authentication.check(call)
            outcome = await self._take(call)
        except BodyRefused as refused:
            return self._refused(refused.code, refused.description, refused.status)
        except Unauthenticated as error:
            return self._refused(error.code, str(error), error.status, detail=error.detail)
        except GatewayError as error:
            return self._refused(error.code, str(error), error.status)
        except StoreError as error:
            log.error("webhook_not_stored", format=self._name, code=error.code, reason=str(error))
            return "unavailable", error_answer(
                503, "temporarily_unavailable", "Try again later.", headers=[(b"retry-after", b"5")]
            )
        return outcome, json_answer(200, b"{}", ((b"cache-control", b"no-store"),))

    async def _take(self, call: Call) -> str:
        told = self._format.read(call, read_json(call))
        if isinstance(told, Ignored):
            log.info("webhook_ignored", format=self._name, type=told.type[:100])
            return "ignored"
        event = event_of(told, path=self._path, received=call.at)
        outbox = self._outbox()
        if outbox is None or not outbox.has_hooks(type(event)):
            log.info("webhook_ignored", format=self._name, type=told.what, reason="no hook wants it")
            return "ignored"
        stored = await outbox.accept(event, subject=subject_of(event.user, event.connection))
        log.info("webhook_stored" if stored else "webhook_repeated", format=self._name, event_id=event.id)
        return "stored" if stored else "repeated"

    def _refused(
        self, code: str, message: str, status: int, *, allow: bool = False, detail: str = ""
    ) -> tuple[str, Answer]:
        log.warning("webhook_refused", format=self._name, code=code, reason=detail or message)
        return code, error_answer(status, code, message, headers=((b"allow", b"POST"),) if allow else ())


def webhook_routes(settings: Sequence[WebhookSettings], outbox: Callable[[], Outbox | None]) -> Iterator[OwnRoute]:
    """The routes that `[[webhooks]]` names."""
    for each in settings:
        secrets = [secret.get_secret_value() for secret in each.secrets]
        flow = WebhookFlow(each.format, secrets, path=each.route_path, outbox=outbox)
        yield OwnRoute(kind=KIND, path=each.route_path, flow=flow)
