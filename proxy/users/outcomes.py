"""What a server's answer says: whether it did what it was asked for, and for whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from hookpoint.hooks import User
from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.dialects import AnswerPlaces, Success
from hookpoint.proxy.dialects.places import segments_of
from hookpoint.proxy.path_aliases import TEMPLATE_SEGMENT
from hookpoint.proxy.users.pointers import find, find_all

_TEXTS = ("id", "email", "username", "phone_number", "name")
_FLAGS = ("email_verified", "phone_verified")


def document_of(answer: Answer) -> object:
    """What an answer says in JSON, None for any other."""
    try:
        if answer.body.lstrip()[:1] == b"[":  # strict JSON is read of objects
            return JsonObject.parse(b'{"items":%s}' % answer.body).members["items"]
        return JsonObject.parse(answer.body).members if answer.body else None
    except JsonError:
        return None


def succeeded(answer: Answer, ways: tuple[Success, ...]) -> bool:
    """Tell whether an answer is one of the ways to say yes."""
    document = document_of(answer)
    return any(_matches(answer, document, way) for way in ways)


def _matches(answer: Answer, document: object, way: Success) -> bool:
    if answer.status not in way.status and (way.status or not 200 <= answer.status < 300):
        return False
    if way.location and not fnmatchcase((answer.header(b"location") or b"").decode("latin-1"), way.location):
        return False
    if any(find(document, segments_of(pointer)) is None for pointer in way.present):
        return False
    return all(
        any(type(found) is type(value) and found == value for found in find_all(document, segments_of(pointer)))
        for pointer, value in way.members.items()
    )


def user_in(user: User, answer: Answer, where: AnswerPlaces) -> User:
    """What is known of the user, with what the answer says in its place."""
    user = user_of(user, document_of(answer), where)
    location = answer.header(b"location")
    if where.location and location:
        found = _location(where.location).search(unquote(urlsplit(location.decode("latin-1")).path))
        if found:
            user = _with(user, {name: value for name, value in found.groupdict().items() if name in _TEXTS})
    return user


def user_of(user: User, document: object, where: AnswerPlaces) -> User:
    """What is known of the user, with what a document says in its place."""
    told: dict[str, object] = {}
    for name in _TEXTS:
        value = _first(document, getattr(where, name))
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            told[name] = str(value)
    for name in _FLAGS:
        if pointers := getattr(where, name):
            value = _first(document, pointers)
            told[name] = value is True or (isinstance(value, str) and value.lower() not in ("", "false"))
    return _with(user, told)


def _with(user: User, told: Mapping[str, Any]) -> User:
    return replace(user, **told) if told else user


def _first(document: object, pointers: tuple[str, ...]) -> object:
    found = (find(document, segments_of(pointer)) for pointer in pointers)
    return next((value for value in found if value is not None and value != ""), None)


@lru_cache(maxsize=64)
def _location(template: str) -> re.Pattern[str]:
    parts = TEMPLATE_SEGMENT.split(template)
    pattern = "".join(f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(pattern + r"/?\Z")


class Verdict(Enum):
    """What became of a request at the server."""

    DONE = auto()
    REFUSED = auto()
    UNKNOWN = auto()


# Failures (UpstreamError) before anything was sent to the server.
_NEVER_SENT: Final = frozenset(
    {
        "request_refused",
        "method_refused",
        "coding_refused",
        "loop_detected",
        "connect_failed",
        "connect_timed_out",
        "pool_exhausted",
    }
)
# RFC 9110 sections 15.6.2, 15.6.4 and 15.6.6: these say that nothing was done; other 5xx may follow what was done already.
_NOT_DONE: Final = frozenset({501, 503, 505})


def judge(answer: Answer, ways: tuple[Success, ...]) -> Verdict:
    """Tell what an answer says of the request."""
    if answer.failure:
        return Verdict.REFUSED if answer.failure in _NEVER_SENT else Verdict.UNKNOWN
    if succeeded(answer, ways):
        return Verdict.DONE
    return Verdict.UNKNOWN if answer.status >= 500 and answer.status not in _NOT_DONE else Verdict.REFUSED
