"""The bodies of intercepted requests, read so that no other parser can read something else.

The upstream gets the original bytes and parses them with its own rules. Where parsers are known to disagree (repeated
members, raw bytes above ASCII, nested names, broken escapes) the request is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.parameters import GRANT_PARAMETERS, METHOD_OVERRIDE_PARAMETER, fold_name, misread, readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

# RFC 8707 section 2 and RFC 8693 section 2.1: the parameters that may stand several times.
REPEATABLE: Final = frozenset({"resource", "audience"})

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_UNSPEAKABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


class BodyRefused(Exception):  # noqa: N818 - a verdict on the request, not a fault of ours
    """An intercepted request that is not forwarded: `error` and `description` are ready for RFC 6749 section 5.2."""

    code = "body_refused"

    def __init__(self, description: str, *, status: int = 400, error: str = "invalid_request") -> None:
        self.status = status
        self.error = error
        self.description = _UNSPEAKABLE.sub("?", description)
        super().__init__(self.description)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """Caps on an intercepted body; sizes in bytes as received."""

    size: int = 65_536
    members: int = 100
    value: int = 8_192
    depth: int = 8


LIMITS: Final = BodyLimits()


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """A form body as ordered pairs; `members` maps a name to its value, or to a tuple of them where it was repeated.

    Its representation names the parameters and keeps their values to itself.
    """

    pairs: tuple[tuple[str, str], ...]
    members: Mapping[str, str | tuple[str, ...]] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        members: dict[str, str | tuple[str, ...]] = {}
        for name, value in self.pairs:
            earlier = members.get(name)
            if earlier is None:
                members[name] = value
            else:
                members[name] = (*earlier, value) if isinstance(earlier, tuple) else (earlier, value)
        object.__setattr__(self, "members", members)

    def __repr__(self) -> str:
        return f"Form({', '.join(self.members)})"


def parse_form(
    body: bytes,
    *,
    limits: BodyLimits = LIMITS,
    repeatable: AbstractSet[str] = REPEATABLE,
    guarded: AbstractSet[str] = GRANT_PARAMETERS,
) -> Form:
    """Parse an `application/x-www-form-urlencoded` body.

    `guarded` are the names the flow reads: nothing else may be taken for one of them by another parser. Raises
    `BodyRefused`.
    """
    _check_size(body, limits)
    if not body.isascii():
        raise BodyRefused("The form contains bytes outside of ASCII that are not percent-encoded.")
    if _BAD_ESCAPE.search(body):
        raise BodyRefused("The form contains a percent sign that begins no escape.")
    if body.count(b"&") >= limits.members:  # empty ones count too: what is not looked at must not be passed on
        raise BodyRefused(f"The form has more than {limits.members} parameters.")
    pairs = tuple(_pairs(filter(None, body.split(b"&")), limits, guarded))
    _check_names((name for name, _ in pairs), repeatable, guarded)
    return Form(pairs)


def parse_json(body: bytes, *, limits: BodyLimits = LIMITS, guarded: AbstractSet[str] = GRANT_PARAMETERS) -> JsonObject:
    """Parse an `application/json` body: one object, strict in names, numbers and encoding. Raises `BodyRefused`."""
    _check_size(body, limits)
    try:
        parsed = JsonObject.parse(body, max_bytes=limits.size, max_depth=limits.depth)
    except JsonError as error:
        raise BodyRefused("The body is not one well-formed JSON object without repeated names.") from error
    if len(parsed.members) > limits.members:
        raise BodyRefused(f"The object has more than {limits.members} members.")
    _check_names(parsed.members, frozenset(), guarded)
    return parsed


def read_text(members: Mapping[str, object], name: str) -> str | None:
    """One parameter; None when absent or empty, which is the same (RFC 6749 section 3.2). Raises `BodyRefused`."""
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BodyRefused(f"The parameter {name} must be one string.")
    return value


def read_texts(members: Mapping[str, object], name: str) -> tuple[str, ...]:
    """A parameter that may be repeated, or be an array of strings in JSON. Raises `BodyRefused`."""
    value = members.get(name)
    if not isinstance(value, (list, tuple)):
        one = read_text(members, name)
        return () if one is None else (one,)
    texts = tuple(item for item in value if isinstance(item, str))
    if len(texts) != len(value):
        raise BodyRefused(f"The parameter {name} must be a string or several strings.")
    return tuple(text for text in texts if text)


def _check_size(body: bytes, limits: BodyLimits) -> None:
    if len(body) > limits.size:
        raise BodyRefused(f"The body is larger than {limits.size} bytes.", status=413)


def _pairs(chunks: Iterable[bytes], limits: BodyLimits, guarded: AbstractSet[str]) -> Iterator[tuple[str, str]]:
    for chunk in chunks:
        raw_name, _, raw_value = chunk.partition(b"=")
        if len(raw_value) > limits.value or len(raw_name) > limits.value:
            raise BodyRefused(f"A parameter is longer than {limits.value} bytes.")
        if b";" in chunk:
            _check_semicolons(chunk, guarded)
        name, value = _decode(raw_name), _decode(raw_value)
        if not name:
            raise BodyRefused("The form contains a value without a name.")
        yield name, value


def _check_semicolons(chunk: bytes, guarded: AbstractSet[str]) -> None:
    """Older parsers split at semicolons too, as HTML 4 advised."""
    for part in chunk.split(b";")[1:]:
        name = _decode(part.partition(b"=")[0])
        if name in guarded or misread(name, guarded):
            raise BodyRefused("A semicolon in a form value must be percent-encoded.")


def _decode(raw: bytes) -> str:
    decoded = unquote_to_bytes(raw.replace(b"+", b" ")) if b"%" in raw or b"+" in raw else raw
    if b"\x00" in decoded:
        raise BodyRefused("The form contains a NUL character.")
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise BodyRefused("The form is not UTF-8.") from None


def _check_names(names: Iterable[str], repeatable: AbstractSet[str], guarded: AbstractSet[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if METHOD_OVERRIDE_PARAMETER in readings(name):
            raise BodyRefused("The method of this request cannot be overridden.")
        if misread(name, guarded):
            raise BodyRefused("A parameter is named so that it can be taken for another one.")
        # Names that differ in letter case alone are one name to some parsers.
        folded = fold_name(name)
        if folded in seen and (seen[folded] != name or name not in repeatable):
            raise BodyRefused("A parameter is repeated.")
        seen[folded] = name
