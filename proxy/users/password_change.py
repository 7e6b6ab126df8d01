"""A change of password: the server changes it, hooks are told.

request ─► read ─► keep the event ─► server ─► settle the event ─► answer
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.hooks import PostChangePassword, User
from hookpoint.proxy.dialects import PasswordChangeRoute
from hookpoint.proxy.flows.form_endpoint import Reply
from hookpoint.proxy.users.admin import AdminUnavailable
from hookpoint.proxy.users.announcing import Announcement
from hookpoint.proxy.users.calls import ServerCalls, values_of
from hookpoint.proxy.users.deliveries import Outbox, lookup_of, subject_of
from hookpoint.proxy.users.layout import Layout
from hookpoint.proxy.users.outcomes import Verdict, judge, user_in
from hookpoint.proxy.users.request import UserRequest
from hookpoint.proxy.wrapped import CallFailed, call, with_identity_coding

MAX_ANSWER: Final = 1024 * 1024

log = structlog.get_logger(__name__)


class PasswordChange:
    """Serves one route where passwords change. `now` gives times with a time zone."""

    def __init__(
        self,
        app: ASGIApp,
        name: str,
        layout: Layout,
        *,
        outbox: Outbox,
        calls: ServerCalls,
        timeout: float,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        assert isinstance(layout.route, PasswordChangeRoute)
        self._app = app
        self._name = name
        self._route: PasswordChangeRoute = layout.route
        self._outbox = outbox
        self._calls = calls
        self._timeout = timeout
        self._new_id = new_id
        self._now = now

    async def __call__(self, scope: Scope, asked: UserRequest) -> Reply:
        """Handle one request; raises HalfDone, StoreError and CallFailed."""
        known = await self._who(scope, asked)
        announcement = Announcement(self._outbox, self._event(self._new_id(), known, asked))
        lookup = lookup_of(known, asked.connection, route=self._name, root_path=scope.get("root_path", ""))
        await announcement.keep(subject_of(known, asked.connection), lookup)
        inner = {**scope, "headers": with_identity_coding(scope["headers"])}
        answer = await call(self._app, inner, asked.body, max_body=MAX_ANSWER, timeout=self._timeout)
        verdict = judge(answer, self._route.success)
        user = user_in(known, answer, self._route.user) if verdict is Verdict.DONE else known
        await announcement.conclude(verdict, lambda: self._event(announcement.id, user, asked))
        return Reply(answer=answer, outcome=verdict.name.lower())

    async def _who(self, scope: Scope, asked: UserRequest) -> User:
        """Whose password it is, asked of the server where the request does not say it."""
        described = self._route.who
        if described is None or asked.user.id:
            return asked.user
        values = {**values_of(asked.user, asked.values), "connection": asked.connection.name}
        try:
            answer = await self._calls.ask(described, values, scope)
        except (CallFailed, AdminUnavailable) as error:
            log.warning("user_not_known", route=self._name, reason=str(error))
            return asked.user
        if not 200 <= answer.status < 300:
            log.info("user_not_known", route=self._name, status=answer.status)
            return asked.user
        return user_in(asked.user, answer, described.user)

    def _event(self, event_id: str, user: User, asked: UserRequest) -> PostChangePassword:
        return PostChangePassword(
            id=event_id,
            user=user,
            changed_at=self._now(),
            connection=asked.connection,
            request=asked.request,
        )
