"""Sign-ups and changes of passwords in every dialect, of any bytes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from hookpoint.hooks import Request
from hookpoint.proxy.bodies import LIMITS, BodyRefused
from hookpoint.proxy.dialects import SignUpRoute, UserRoute, dialect_names, load_dialect
from hookpoint.proxy.flows.form_endpoint import FormLimits
from hookpoint.proxy.users.edits import KINDS, NotWritable, place_in_body, with_metadata
from hookpoint.proxy.users.layout import Layout
from hookpoint.proxy.users.request import UserRequest, read_user_request

_ADDED = {"added": "by a hook"}
_FIELDS = ("id", "username", "email", "phone_number", "name")


def _routes() -> list[UserRoute]:
    dialects = [load_dialect(name) for name in dialect_names()]
    return [route for each in dialects for route in (*each.sign_up.values(), *each.password_change.values())]


LAYOUTS = [Layout(route) for route in _routes()]


def fuzz_sign_ups(data: bytes) -> None:
    """A request is refused, or read; what hooks add to it is there when it is read again, and all else is what it was."""
    if len(data) < 2:
        return
    layout, kind, body = LAYOUTS[data[0] % len(LAYOUTS)], "form" if data[1] % 2 else "json", data[2:]
    asked = _read(layout, kind, body)
    if asked is None or not isinstance(layout.route, SignUpRoute):
        return
    places = {each: place for each in KINDS if (place := place_in_body(layout, each, is_json=asked.is_json))}
    changes: dict[str, Any] = {each: {**getattr(asked.user, each), **_ADDED} for each in places}
    changed = replace(asked.user, **changes)
    try:
        edited = with_metadata(layout, asked, changed, places)
    except NotWritable:
        return
    # Read as an administrator's: what hooks may set, users may not.
    again = _read(Layout(layout.route.model_copy(update={"admin": True})), kind, edited)
    if again is None:  # what hooks add may be one parameter too many for us, who do not read it again
        assert edited.count(b"&") >= LIMITS.members
        return
    for name in _FIELDS:
        assert getattr(again.user, name) == getattr(asked.user, name), name
    assert (again.password, again.client_id, again.connection) == (asked.password, asked.client_id, asked.connection)
    for each in places:
        assert getattr(again.user, each).items() >= _ADDED.items()


def _read(layout: Layout, kind: str, body: bytes) -> UserRequest | None:
    media_type = b"application/json" if kind == "json" else b"application/x-www-form-urlencoded"
    scope: dict[str, Any] = {"type": "http", "method": "POST", "query_string": b""}
    scope["headers"] = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    parameters = dict.fromkeys(layout.route.parameters, "one")
    reading = read_user_request(
        scope, receive, layout, Request(id="r"), parameters=parameters, limits=FormLimits(body_timeout=1e9)
    )
    try:
        return asyncio.run(reading)[1]
    except BodyRefused:
        return None


def _seed(number: int, layout: Layout) -> bytes:
    """A sign-up with every text where the dialect looks for it first."""
    members: dict[str, Any] = {}
    for name in (*_FIELDS, "password", "client_id"):
        for place in layout.places(name)[:1]:
            if place.kind == "pointer" and "*" not in place.segments:
                below = members
                for segment in place.segments[:-1]:
                    below = below.setdefault(segment, {})
                below[place.segments[-1]] = f"{name}@example.test"
    return bytes([number, 0]) + json.dumps(members).encode()


SEEDS = [_seed(number, layout) for number, layout in enumerate(LAYOUTS)] + [
    b"\0\1email=a%40example.test&password=one&user_metadata[plan]=gold&username=a",
    b'\0\0{"email":"a@example.test","password":"one","user_metadata":{"plan":"gold","n":[1,{"a":null}]},"connection":"c"}',
]
