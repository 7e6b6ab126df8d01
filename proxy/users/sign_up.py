"""Sign-up: hooks look at who asks, the server creates the user, hooks are told of the new one.

request ─► read ─► hooks ─► keep the event ─► server ─► write metadata ─► settle the event ─► answer
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.hooks import (
    Chain,
    PostUserRegistration,
    PreUserRegistration,
    User,
    UserChanges,
    post_user_registration,
    pre_user_registration,
)
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.body_edits import with_body
from hookpoint.proxy.dialects import SignUpRoute
from hookpoint.proxy.dialects.places import Place
from hookpoint.proxy.flows.form_endpoint import Reply
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.users.admin import AdminUnavailable
from hookpoint.proxy.users.announcing import Announcement
from hookpoint.proxy.users.calls import ServerCalls, values_of
from hookpoint.proxy.users.deliveries import Outbox, lookup_of, subject_of
from hookpoint.proxy.users.edits import KINDS, HalfDone, NotWritable, place_in_body, with_metadata
from hookpoint.proxy.users.endpoint import Forward
from hookpoint.proxy.users.layout import Layout
from hookpoint.proxy.users.metadata import write_metadata
from hookpoint.proxy.users.outcomes import Verdict, judge, user_in
from hookpoint.proxy.users.request import UserRequest
from hookpoint.proxy.wrapped import CallFailed, call, with_identity_coding

MAX_ANSWER: Final = 1024 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who signs up, as hooks want it: `in_body` are the kinds of metadata that go along, `afterwards` those that are written later."""

    event: PreUserRegistration
    in_body: dict[str, Place]
    afterwards: frozenset[str]

    @property
    def user(self) -> User:
        """The user to be."""
        return self.event.user


class SignUp:
    """Serves one route where users sign up."""

    def __init__(
        self,
        app: ASGIApp,
        name: str,
        layout: Layout,
        *,
        chain: Chain,
        outbox: Outbox | None,
        calls: ServerCalls,
        directory: Directory,
        timeout: float,
        new_id: Callable[[], str],
    ) -> None:
        assert isinstance(layout.route, SignUpRoute)
        self._app = app
        self._name = name
        self._layout = layout
        self._route: SignUpRoute = layout.route
        self._chain = chain
        self._outbox = outbox if chain.has_hooks(post_user_registration) else None
        self._calls = calls
        self._directory = directory
        self._timeout = timeout
        self._new_id = new_id

    async def __call__(self, scope: Scope, asked: UserRequest) -> Reply | Forward:
        """Handle one request; raises Deny, HookFailed, NotWritable, HalfDone, StoreError, CallFailed."""
        plan = await self._run_hooks(asked)
        body = with_metadata(self._layout, asked, plan.user, plan.in_body)
        if self._outbox is None and not plan.afterwards:
            return Forward(body=body, outcome="forwarded")
        announcement = await self._announce(self._outbox, plan, scope) if self._outbox else None
        answer = await self._forward(scope, asked, body)
        verdict = judge(answer, self._route.success)
        user = user_in(plan.user, answer, self._route.user) if verdict is Verdict.DONE else plan.user
        lost = await self._write_metadata(scope, asked, plan, user) if verdict is Verdict.DONE else None
        if announcement:
            await announcement.conclude(verdict, lambda: self._announced(announcement.id, plan, user))
        if lost is not None:
            raise lost
        return Reply(answer=answer, outcome=verdict.name.lower())

    async def _run_hooks(self, asked: UserRequest) -> Plan:
        client = self._directory.client(asked.client_id) if asked.client_id else None
        event = PreUserRegistration(
            user=asked.user,
            connection=asked.connection,
            client=client,
            request=asked.request,
            password=asked.password,
        )
        outcome = await self._chain.run(pre_user_registration, event)
        changes = outcome.changes or UserChanges()
        in_body: dict[str, Place] = {}
        afterwards: set[str] = set()
        for kind in KINDS:
            if not getattr(changes, kind):
                continue
            place = place_in_body(self._layout, kind, is_json=asked.is_json)
            if place is not None:
                in_body[kind] = place
            elif self._is_written_afterwards(kind):
                afterwards.add(kind)
            else:
                raise NotWritable(self._why_not(kind))
        if changes != UserChanges():
            log.info(
                "metadata_added",
                hooks=[run.hook.name for run in outcome.runs if run.outcome == "changed"],
                user_metadata=sorted(changes.user_metadata),
                app_metadata=sorted(changes.app_metadata),
            )
        return Plan(event=outcome.event, in_body=in_body, afterwards=frozenset(afterwards))

    def _is_written_afterwards(self, kind: str) -> bool:
        written = self._route.metadata
        return written is not None and kind in written.names and self._calls.can(written)

    def _why_not(self, kind: str) -> str:
        if self._route.metadata is not None and kind in self._route.metadata.names:
            return f"{kind} is written by an administrator's call; set upstream.admin"
        return f"the dialect says no place for {kind} at {self._route.path}; add one to sign_up.{self._name}.request"

    async def _announce(self, outbox: Outbox, plan: Plan, scope: Scope) -> Announcement:
        event = self._announced(self._new_id(), plan, plan.user)
        announcement = Announcement(outbox, event)
        connection = plan.event.connection
        lookup = lookup_of(plan.user, connection, route=self._name, root_path=scope.get("root_path", ""))
        await announcement.keep(subject_of(plan.user, connection), lookup)
        return announcement

    def _announced(self, event_id: str, plan: Plan, user: User) -> PostUserRegistration:
        event = plan.event
        return PostUserRegistration(
            id=event_id, user=user, connection=event.connection, client=event.client, request=event.request
        )

    async def _forward(self, scope: Scope, asked: UserRequest, body: bytes) -> Answer:
        inner = scope if body == asked.body else with_body(scope, body)
        inner = {**inner, "headers": with_identity_coding(inner["headers"])}
        return await call(self._app, inner, body, max_body=MAX_ANSWER, timeout=self._timeout)

    async def _write_metadata(self, scope: Scope, asked: UserRequest, plan: Plan, user: User) -> HalfDone | None:
        """Write what the sign-up could not take; returns why that failed: the user exists, and lacks what a hook wanted."""
        if not plan.afterwards:
            return None
        described = self._route.metadata
        assert described is not None
        style = self._route.metadata_style
        kept = {kind: write_metadata(getattr(user, kind), style) for kind in KINDS}
        values = {**values_of(user, asked.values), "connection": asked.connection.name, **kept}
        try:
            answer = await self._calls.ask(described, values, scope)
        except (CallFailed, AdminUnavailable) as error:
            reason = str(error)
        else:
            if 200 <= answer.status < 300:
                return None
            reason = f"the server answered {answer.status} for {described.method} {described.path}"
        log.error("metadata_not_written", user=user.id, kinds=sorted(plan.afterwards), reason=reason)
        return HalfDone(
            f"the user {user.id!r} was created without {' and '.join(sorted(plan.afterwards))}: {reason}",
            status=500,
            told="The user was created, but not with everything that belongs to it",
        )
