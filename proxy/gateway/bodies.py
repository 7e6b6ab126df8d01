"""Reading the body of a call."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final, Literal

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.bodies import BodyLimits, BodyRefused, parse_form
from hookpoint.proxy.content_headers import check_content_headers
from hookpoint.proxy.gateway.call import Call, Members
from hookpoint.proxy.gateway.errors import Malformed

BodyKind = Literal["json", "form"]

MAX_BYTES: Final = 256 * 1024
"""What a call may bring: some send the whole user with all metadata."""
_MEDIA_TYPES: Final[dict[BodyKind, str]] = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
_FORM_LIMITS: Final = BodyLimits(size=64 * 1024, members=50, value=8_192)


def check_kind(call: Call, kinds: AbstractSet[BodyKind]) -> BodyKind:
    """How the body is to be read; raises BodyRefused when the headers do not say, or say what is not taken here."""
    media_type = (call.header("content-type") or "").partition(";")[0].strip().lower()
    accepted = [_MEDIA_TYPES[kind] for kind in sorted(kinds, reverse=True)]
    if media_type not in accepted:
        raise BodyRefused(f"The content type must be {' or '.join(accepted)}.", status=415)
    return check_content_headers(call.headers, json_allowed=True)


def read_json(call: Call) -> Members:
    """The members of a JSON body; raises Malformed."""
    try:
        return Members(JsonObject.parse(call.body, max_bytes=MAX_BYTES).members)
    except JsonError:
        raise Malformed("The body is not one well-formed JSON object without repeated names.") from None


def read_json_or_form(call: Call) -> Members:
    """The members of a body of either kind, a parameter as a text; raises Malformed."""
    if check_content_headers(call.headers, json_allowed=True) == "json":
        return read_json(call)
    try:
        return Members(parse_form(call.body, limits=_FORM_LIMITS, repeatable=frozenset(), guarded=frozenset()).members)
    except BodyRefused as refused:
        raise Malformed(refused.description) from None
