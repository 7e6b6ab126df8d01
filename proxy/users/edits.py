"""Puts what hooks added into the body of a sign-up, and leaves every other byte as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from hookpoint.hooks import JsonValue, User
from hookpoint.hooks.strict_json import JsonObject
from hookpoint.proxy.body_edits import extended_form
from hookpoint.proxy.dialects.places import KEY, Place
from hookpoint.proxy.users.layout import Layout
from hookpoint.proxy.users.metadata import Metadata, as_text, write_metadata
from hookpoint.proxy.users.pointers import find, with_value
from hookpoint.proxy.users.request import UserRequest

KINDS: Final = ("user_metadata", "app_metadata")


class NotWritable(Exception):  # noqa: N818 - a verdict on what a hook asked for
    """What a hook added cannot be written anywhere; the text says why and what to do, for operators."""

    code = "metadata_not_writable"


class HalfDone(Exception):  # noqa: N818 - a state
    """The server did what it was asked for, and what belongs to that could not be done; the text is for operators.

    `status` and `told` are for clients.
    """

    code = "half_done"

    def __init__(self, reason: str, *, status: int, told: str) -> None:
        super().__init__(reason)
        self.status = status
        self.told = told


def place_in_body(layout: Layout, kind: str, *, is_json: bool) -> Place | None:
    """Where the sign-up itself takes metadata of a kind, None where it does not."""
    fits = [
        place
        for place in layout.places(kind)
        if (place.kind == "pointer" if is_json else place.kind == "form" and KEY in place.name)
    ]
    return next(iter(fits), None)


def with_metadata(layout: Layout, asked: UserRequest, user: User, kinds: Mapping[str, Place]) -> bytes:
    """The body of a sign-up with the metadata of `user` at these places; raises NotWritable when something stands in the way."""
    if not kinds:
        return asked.body
    if isinstance(asked.document, JsonObject):
        return _json(layout, asked.document, user, kinds)
    fields: dict[str, str] = {}
    for kind, place in kinds.items():
        metadata: Metadata = getattr(user, kind)
        fields |= {place.name.replace(KEY, name): as_text(value) for name, value in metadata.items()}
    return extended_form(asked.body, fields)


def _json(layout: Layout, document: JsonObject, user: User, kinds: Mapping[str, Place]) -> bytes:
    changed: dict[str, object] = {}
    for kind, place in kinds.items():
        members = {**document.members, **changed}
        value: JsonValue = write_metadata(getattr(user, kind), layout.metadata_style)
        before = find(members, place.segments)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = cast("JsonValue", {**before, **value})
        elif isinstance(before, (list, tuple)) and isinstance(value, list):
            written = {each["key"] for each in cast("list[dict[str, str]]", value)}
            value = [*(each for each in before if each.get("key") not in written), *value]
        first = place.segments[0]
        try:
            changed[first] = with_value(members, place.segments, value)[first]
        except TypeError as error:
            raise NotWritable(f"{kind} cannot be written to {place.name}: {error}") from None
    return document.edited(changed)
