"""What all of Supabase's hooks have in common: metadata, users, and errors in an answer of status 200."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from hookpoint.hooks.events import Request, User
from hookpoint.hooks.http.formats.format import Answer, Facts, Json, SaysFailed, Statuses
from hookpoint.hooks.http.members import Members
from hookpoint.hooks.json import freeze
from hookpoint.hooks.results import Deny

STATUSES: Final = Statuses(reading=frozenset({200, 202, 204}))


def metadata(name: str, request: Request, facts: Facts) -> Json:
    """The member `metadata`."""
    time = datetime.fromtimestamp(facts.at, UTC).isoformat(timespec="milliseconds")
    return {"uuid": facts.id, "time": time, "name": name, **({"ip_address": request.ip} if request.ip else {})}


def read_request(body: Members) -> Request:
    """The request that led to the event."""
    return Request(id=body.text("metadata", "uuid"), ip=body.text("metadata", "ip_address"))


def user_json(user: User) -> Json:
    """A user as Supabase has it; its phone numbers have no plus sign."""
    return {
        "id": user.id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": user.email,
        "phone": user.phone_number.removeprefix("+"),
        "app_metadata": user.app_metadata,
        "user_metadata": {**({"name": user.name} if user.name else {}), **user.user_metadata},
        "identities": [],
        "is_anonymous": False,
    }


def read_user(body: Members) -> User:
    """The member `user`."""
    user_metadata = body.mapping("user", "user_metadata")
    name = user_metadata.get("name")
    return User(
        id=body.text("user", "id"),
        email=body.text("user", "email"),
        phone_number=with_plus(body.text("user", "phone")),
        name=name if isinstance(name, str) else "",
        user_metadata=freeze(user_metadata),
        app_metadata=freeze(body.mapping("user", "app_metadata")),
    )


def with_plus(number: str) -> str:
    """A number in E.164 form."""
    return f"+{number}" if number.isdecimal() else number


def raise_error(answer: Answer) -> None:
    """Raises Deny for an error whose code is the caller's fault, SaysFailed for another; one without a text is none."""
    read = answer.read
    message = read.text("error", "message")
    if not message:
        return
    status = read.value("error", "http_code")
    if isinstance(status, int) and 400 <= status < 500:
        raise Deny("access_denied", message)
    raise SaysFailed(message)


def error(status: int, message: str) -> Answer:
    """An error; with any other HTTP status its text would not reach anybody."""
    return Answer(status=200, members={"error": {"http_code": status, "message": message}})


def refusal(denial: Deny) -> Answer:
    """An error that says why."""
    return error(403, denial.user_message or denial.reason)


FAILED: Final = error(500, "The hook failed.")
