"""hookpoint's own format: an envelope `{type, timestamp, data}` as Standard Webhooks has it, and an answer for every result.

`type` is the point and the version of the format, such as `credentials-exchange.v1`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from hookpoint.hooks.http.formats.format import (
    ANY_SUCCESS,
    SUCCESS,
    Answer,
    Codec,
    Facts,
    Format,
    Json,
    Statuses,
    Verdict,
)
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.points import POINTS, AnyPoint
from hookpoint.hooks.results import Delivered, Deny
from hookpoint.hooks.wire import EventFormatError, event_from_json, event_to_json

VERSION: Final = "v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookpointCodec:
    """The format at one point.

    An answer has no members (nothing to change), `changes`, `delivered` or `deny`. Where the point has no results, bodies mean nothing.
    """

    point: AnyPoint

    @property
    def statuses(self) -> Statuses:
        """Any success; its body counts where the point has results."""
        return SUCCESS if self.point.results else ANY_SUCCESS

    def write_event(self, event: Any, facts: Facts) -> Json:
        """`{type, timestamp, data}`; `data` are the members of the event, without secrets."""
        return {
            "type": type_of(self.point),
            "timestamp": datetime.fromtimestamp(facts.at, UTC).isoformat(timespec="milliseconds"),
            "data": event_to_json(event),
        }

    def read_answer(self, event: Any, answer: Answer, facts: Facts) -> Any:
        """Raises Deny, and Unreadable for members that are unknown or contradict each other."""
        members = answer.members
        kinds = {result_name(kind): kind for kind in self.point.results}
        known = (*kinds, "deny")
        for name in members:
            if name not in known:
                nearest = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(known)}"
                raise Unreadable(f"the answer has an unknown member; {hint}")
        if len(members) > 1:
            raise Unreadable(f"the answer has more than one of {', '.join(known)}")
        for name, value in members.items():
            if name == "deny":
                raise _denial(value)
            return _built(kinds[name], value, name)
        return None

    def read_event(self, body: Members, facts: Facts) -> Any:
        """Raises Unreadable, also for another version or point."""
        kind = body.required("type")
        if kind != type_of(self.point):
            raise Unreadable(f"type is not {type_of(self.point)}")
        return _built(self.point.event, body.mapping("data"), "data")

    def write_answer(self, event: Any, verdict: Verdict, facts: Facts) -> Answer:
        """An empty object where nothing changes."""
        if verdict.failed:
            return Answer(status=500)
        if (denial := verdict.denial) is not None:
            deny = {"code": denial.code, "reason": denial.reason, "user_message": denial.user_message}
            return Answer(status=200, members={"deny": {name: text for name, text in deny.items() if text is not None}})
        if verdict.changes is None:
            return Answer(status=200)
        return Answer(status=200, members={result_name(type(verdict.changes)): _said(verdict.changes)})


def type_of(point: AnyPoint) -> str:
    """The `type` of a point's events."""
    return f"{point.name}.{VERSION}"


def result_name(kind: type) -> str:
    """The member of an answer that holds a result of this class."""
    return "delivered" if kind is Delivered else "changes"


def _built(kind: type, value: object, where: str) -> Any:
    try:
        return event_from_json(kind, value, where=where)
    except EventFormatError as error:
        raise Unreadable(str(error).rstrip(".")) from None


def _said(result: Any) -> Json:
    """A result without the members that say nothing."""
    written = event_to_json(result)
    defaults = {
        each.name: each.default_factory() if each.default_factory is not MISSING else each.default
        for each in fields(result)
    }
    return {name: value for name, value in written.items() if getattr(result, name) != defaults[name]}


def _denial(value: object) -> Deny:
    if not isinstance(value, Mapping):
        raise Unreadable("deny is not an object")
    members = Members(value)
    if unknown := value.keys() - {"code", "reason", "user_message"}:
        raise Unreadable(f"deny has {len(unknown)} unknown members; there are code, reason, user_message")
    try:
        return Deny(members.required("code"), members.text("reason"), members.text("user_message") or None)
    except ValueError as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("deny.code is no OAuth error code") from None


CODECS: Final[dict[AnyPoint, Codec]] = {point: HookpointCodec(point=point) for point in POINTS.values()}

HOOKPOINT = Format(
    name="hookpoint",
    title="hookpoint",
    source="docs/reference/http-hooks.md",
    codecs=CODECS,
    authentications=("standard-webhooks", "bearer", "basic", "header", "none"),
)
