"""Changing single parameters of a request and not one byte of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

# They speak of the bytes that the client sent (RFC 9530, RFC 9421), not of those that go on.
_OF_THE_OLD_BODY: Final = frozenset(
    {b"content-length", b"content-digest", b"repr-digest", b"digest", b"content-md5", b"signature", b"signature-input"}
)
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


def edited_form(form: bytes, values: Mapping[str, str]) -> bytes:
    """Return a form body, or a query, with the values of some parameters replaced wherever these stand."""
    return b"&".join(_edited(pair, values) for pair in form.split(b"&"))


def _edited(pair: bytes, values: Mapping[str, str]) -> bytes:
    name, equals, _ = pair.partition(b"=")
    value = values.get(decoded(name)) if equals else None
    return pair if value is None else name + b"=" + quote(value, safe="").encode("ascii")


def extended_form(form: bytes, values: Mapping[str, str]) -> bytes:
    """Return a form body with the values of some fields replaced where these stand, and added at the end where they do not."""
    present = {decoded(pair.partition(b"=")[0]) for pair in form.split(b"&")}
    added = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in values.items() if name not in present]
    edited = edited_form(form, values)
    return b"&".join(filter(None, (edited, "&".join(added).encode("ascii"))))


def decoded(text: bytes) -> str:
    """Decode a name or value of a form, whatever it is."""
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")


def with_body(scope: Scope, body: bytes) -> Scope:
    """The scope of a request whose body is replaced."""
    if not body and not any(name.lower() in _FRAMING for name, _ in scope["headers"]):
        return scope
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in _OF_THE_OLD_BODY]
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in kept)
    return {**scope, "headers": kept if chunked else [*kept, (b"content-length", str(len(body)).encode())]}


def with_query(scope: Scope, query: bytes) -> Scope:
    """The scope of a request whose query is replaced, on the wire as well."""
    changed = {**scope, "query_string": query}
    target = scope.get("hookpoint.target")
    if target is not None:
        changed["hookpoint.target"] = target.partition(b"?")[0] + b"?" + query
    return changed
