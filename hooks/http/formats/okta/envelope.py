"""What all of Okta's inline hooks have around their data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from hookpoint.hooks.events import Request, User
from hookpoint.hooks.http.formats.format import Answer, Facts, Json
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.results import Deny

_CONTEXT: Final = ("data", "context", "request")


def envelope(event_type: str, data: Json, request: Request, facts: Facts, *, request_type: str = "") -> Json:
    """The body of a call."""
    context = {
        "request": {
            "id": request.id,
            "method": request.method or "POST",
            "url": {"value": f"https://{request.hostname}/" if request.hostname else ""},
            "ipAddress": request.ip,
        }
    }
    return {
        "eventId": facts.id,
        "eventTime": datetime.fromtimestamp(facts.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "eventType": event_type,
        "eventTypeVersion": "1.0",
        "cloudEventVersion": "0.1",
        "contentType": "application/json",
        "source": f"https://{request.hostname}" if request.hostname else "hookpoint",
        **({"requestType": request_type} if request_type else {}),
        "data": {**data, "context": {**context, **data.get("context", {})}},
    }


def check_type(body: Members, event_type: str) -> None:
    """Raises Unreadable when the call is for another hook."""
    if body.required("eventType") != event_type:
        raise Unreadable(f"eventType is not {event_type}")


def read_request(body: Members) -> Request:
    """The request that led to the event."""
    return Request(
        id=body.text(*_CONTEXT, "id"), method=body.text(*_CONTEXT, "method"), ip=body.text(*_CONTEXT, "ipAddress")
    )


def commands_of(answer: Answer, known: Iterable[str]) -> list[tuple[str, Any]]:
    """Type and value of each command. Raises Unreadable for one that this hook does not have."""
    allowed = tuple(known)
    commands: list[tuple[str, Any]] = []
    for command in answer.read.objects("commands"):
        kind = command.required("type")
        if kind not in allowed:
            raise Unreadable(f"a command is none of {', '.join(allowed)}")
        commands.append((kind, command.value("value")))
    return commands


def error_of(answer: Answer) -> str | None:
    """The summary of the member `error`, which goes before all commands; None when there is none."""
    read = answer.read
    if not read.has("error"):
        return None
    causes = read.objects("error", "errorCauses")
    return read.text("error", "errorSummary") or next((each.text("errorSummary") for each in causes), "") or "refused"


def refusal(denial: Deny) -> Answer:
    """An `error` that says why."""
    summary = denial.user_message or denial.reason
    causes = [{"errorSummary": summary, "reason": denial.code, "locationType": "body", "domain": "hookpoint"}]
    return Answer(status=200, members={"error": {"errorSummary": summary, "errorCauses": causes}})


def command(kind: str, value: object) -> Answer:
    """An answer of one command."""
    return Answer(status=200, members={"commands": [{"type": kind, "value": value}]})


def profile_of(user: User) -> Json:
    """The members of a user that Okta has in its profiles, without those that are empty."""
    first, _, last = user.name.partition(" ")
    profile = {
        "login": user.username or user.email,
        "email": user.email,
        "firstName": first,
        "lastName": last,
        "mobilePhone": user.phone_number,
    }
    return {name: value for name, value in profile.items() if value}


def user_of(profile: Members, user_id: str = "") -> User:
    """A user from such a profile, all other members being metadata."""
    name = f"{profile.text('firstName')} {profile.text('lastName')}".strip()
    return User(
        id=user_id,
        username=profile.text("login"),
        email=profile.text("email"),
        phone_number=profile.text("mobilePhone"),
        name=name,
    )


PROFILE: Final = frozenset({"login", "email", "firstName", "lastName", "mobilePhone"})
"""Members of a profile that are the user's own, and not metadata."""
