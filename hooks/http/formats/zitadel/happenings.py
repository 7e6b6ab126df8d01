"""ZITADEL's events, of which hooks are told and whose answers mean nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hookpoint.hooks.events import PostChangePassword, PostUserRegistration, User
from hookpoint.hooks.http.formats.format import ANY_SUCCESS, Answer, Facts, Json, Statuses, Verdict
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.wire import EventFormatError, parse_time

_ADDED: Final = ("user.human.added", "user.human.selfregistered")
_PASSWORD: Final = ("user.human.password.changed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZitadelUserAdded:
    """The event `user.human.added`."""

    statuses: Statuses = ANY_SUCCESS

    def write_event(self, event: PostUserRegistration, facts: Facts) -> Json:
        """The user is `aggregateID`."""
        first, _, last = event.user.name.partition(" ")
        payload = {
            "userName": event.user.username,
            "firstName": first,
            "lastName": last,
            "displayName": event.user.name,
            "email": event.user.email,
            "phone": event.user.phone_number,
        }
        happened = datetime.fromtimestamp(facts.at, UTC)
        return _written(_ADDED[0], event.user, happened, {name: text for name, text in payload.items() if text})

    def read_answer(self, event: PostUserRegistration, answer: Answer, facts: Facts) -> None:
        """Nothing."""

    def read_event(self, body: Members, facts: Facts) -> PostUserRegistration:
        """Raises Unreadable."""
        _check(body, _ADDED)
        names = [body.text("event_payload", name) for name in ("firstName", "lastName")]
        user = User(
            id=body.required("aggregateID"),
            username=body.text("event_payload", "userName"),
            email=body.text("event_payload", "email"),
            phone_number=body.text("event_payload", "phone"),
            name=body.text("event_payload", "displayName") or " ".join(filter(None, names)),
        )
        return PostUserRegistration(id=_id_of(body), user=user)

    def write_answer(self, event: PostUserRegistration, verdict: Verdict, facts: Facts) -> Answer:
        """Anything but success has the event sent again."""
        return _answer(verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZitadelPasswordChanged:
    """The event `user.human.password.changed`."""

    statuses: Statuses = ANY_SUCCESS

    def write_event(self, event: PostChangePassword, facts: Facts) -> Json:
        """The user is `aggregateID`; nothing of the password is told."""
        return _written(_PASSWORD[0], event.user, event.changed_at, {})

    def read_answer(self, event: PostChangePassword, answer: Answer, facts: Facts) -> None:
        """Nothing."""

    def read_event(self, body: Members, facts: Facts) -> PostChangePassword:
        """Raises Unreadable."""
        _check(body, _PASSWORD)
        try:
            changed_at = parse_time(body.required("created_at"), "created_at")
        except EventFormatError as error:
            raise Unreadable(str(error)) from None
        user = User(id=body.required("aggregateID"))
        return PostChangePassword(id=_id_of(body), user=user, changed_at=changed_at)

    def write_answer(self, event: PostChangePassword, verdict: Verdict, facts: Facts) -> Answer:
        """Anything but success has the event sent again."""
        return _answer(verdict)


def _written(kind: str, user: User, happened: datetime, payload: Json) -> Json:
    return {
        "aggregateID": user.id,
        "aggregateType": "user",
        "resourceOwner": "",
        "instanceID": "",
        "version": "v2",
        "sequence": 1,
        "event_type": kind,
        "created_at": happened.isoformat(),
        "userID": user.id,
        "event_payload": payload,
    }


def _check(body: Members, kinds: tuple[str, ...]) -> None:
    if body.required("event_type") not in kinds:
        raise Unreadable(f"event_type is not {' or '.join(kinds)}")


def _id_of(body: Members) -> str:
    """The same at every attempt, and for no other event."""
    return f"{body.text('instanceID')}:{body.required('aggregateID')}:{body.value('sequence')}"


def _answer(verdict: Verdict) -> Answer:
    return Answer(status=500 if verdict.failed or verdict.denial is not None else 200)
