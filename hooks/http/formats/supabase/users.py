"""Supabase's hooks `before-user-created`, which can only refuse, and `after-user-created`."""

from __future__ import annotations

from dataclasses import dataclass

from hookpoint.hooks.events import PostUserRegistration, PreUserRegistration
from hookpoint.hooks.http.formats.format import Answer, Facts, Json, Statuses, Unsayable, Verdict
from hookpoint.hooks.http.formats.supabase.envelope import (
    FAILED,
    STATUSES,
    metadata,
    raise_error,
    read_request,
    read_user,
    refusal,
    user_json,
)
from hookpoint.hooks.http.members import Members


@dataclass(frozen=True, slots=True, kw_only=True)
class SupabaseBeforeUser:
    """The hook `before-user-created`."""

    statuses: Statuses = STATUSES

    def write_event(self, event: PreUserRegistration, facts: Facts) -> Json:
        """`{metadata, user}`."""
        return {"metadata": metadata("before-user-created", event.request, facts), "user": user_json(event.user)}

    def read_answer(self, event: PreUserRegistration, answer: Answer, facts: Facts) -> None:
        """Nothing but errors."""
        raise_error(answer)

    def read_event(self, body: Members, facts: Facts) -> PreUserRegistration:
        """Raises Unreadable."""
        return PreUserRegistration(user=read_user(body), request=read_request(body))

    def write_answer(self, event: PreUserRegistration, verdict: Verdict, facts: Facts) -> Answer:
        """An empty object, or an error."""
        if verdict.failed:
            return FAILED
        if verdict.denial is not None:
            return refusal(verdict.denial)
        if verdict.changes is not None:
            raise Unsayable("Supabase's hook before-user-created can only refuse")
        return Answer(status=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupabaseAfterUser:
    """The hook `after-user-created`."""

    statuses: Statuses = STATUSES

    def write_event(self, event: PostUserRegistration, facts: Facts) -> Json:
        """`{metadata, user}`; the id of the event is `metadata.uuid`."""
        return {"metadata": metadata("after-user-created", event.request, facts), "user": user_json(event.user)}

    def read_answer(self, event: PostUserRegistration, answer: Answer, facts: Facts) -> None:
        """Nothing but errors."""
        raise_error(answer)

    def read_event(self, body: Members, facts: Facts) -> PostUserRegistration:
        """Raises Unreadable."""
        event_id = body.text("metadata", "uuid") or facts.id
        return PostUserRegistration(id=event_id, user=read_user(body), request=read_request(body))

    def write_answer(self, event: PostUserRegistration, verdict: Verdict, facts: Facts) -> Answer:
        """An empty object, or an error."""
        return FAILED if verdict.failed or verdict.denial is not None else Answer(status=200)
