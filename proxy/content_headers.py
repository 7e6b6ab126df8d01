"""The header fields that say how an intercepted body is to be read."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.parameters import is_method_override

if TYPE_CHECKING:
    from collections.abc import Iterable

SINGLE: Final = frozenset({b"content-type", b"authorization", b"host", b"content-length", b"content-encoding"})

_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"
_MEDIA_TYPE = re.compile(
    rb"[ \t]*(?P<type>[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)"
    rb"(?:[ \t]*;[ \t]*charset=(?P<quote>\"?)(?P<charset>utf-8)(?P=quote))?[ \t]*",
    re.IGNORECASE,
)


def check_content_headers(headers: Iterable[tuple[bytes, bytes]], *, json_allowed: bool) -> Literal["form", "json"]:
    """Return how the body of an intercepted request is to be parsed.

    Raises `BodyRefused`: 400 for repeated fields, method overrides, a missing or wrong type; 415 for codings and
    multipart; 501 for transfer codings other than chunked (RFC 9112 section 6.1).
    """
    fields = [(_field(name), value) for name, value in headers]
    count = Counter(name for name, _ in fields)
    if any(count[name] > 1 for name in SINGLE):
        raise BodyRefused("A header field that must be single is repeated.")
    if any(is_method_override(name) for name in count):
        raise BodyRefused("The method of this request cannot be overridden.")
    values = dict(fields)
    if values.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
        raise BodyRefused("The transfer coding is not supported.", status=501)
    if b"content-encoding" in values:
        raise BodyRefused("The body must not be compressed.", status=415)
    return _kind(values.get(b"content-type", b""), json_allowed=json_allowed)


def _field(name: bytes) -> bytes:
    # CGI and WSGI read content_type and content-type as one field.
    return name.lower().replace(b"_", b"-")


def _kind(content_type: bytes, *, json_allowed: bool) -> Literal["form", "json"]:
    if content_type.strip().lower().startswith(b"multipart/"):
        raise BodyRefused("The body must not be multipart.", status=415)
    media_type = _MEDIA_TYPE.fullmatch(content_type)
    kind = media_type["type"].lower() if media_type else None
    if kind == _FORM:
        return "form"
    if kind == _JSON and json_allowed:
        return "json"
    accepted = f"{_FORM.decode()} or {_JSON.decode()}" if json_allowed else _FORM.decode()
    raise BodyRefused(f"The content type must be {accepted} in UTF-8.")
