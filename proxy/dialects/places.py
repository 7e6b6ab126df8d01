"""Where something stands in a request or an answer.

"/user/email"     a JSON pointer (RFC 6901); with one segment it is also the name of a form field
"form:email"      a form field; "form:user_metadata[{key}]" one for each member of an object
"query:flow"      a parameter of the query
"path:id"         an open segment of the route's path
"jwt:/token#sub"  a claim of the JWT that stands at a pointer; the server has verified it when it is looked at
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator

_POINTER: Final = r"(?:/(?:[^~/#]|~[01])+)+"
_PLACE: Final = re.compile(
    rf"(?P<pointer>{_POINTER})|(?P<kind>form|query|path):(?P<name>\S+)|jwt:(?P<token>{_POINTER})#(?P<claim>\S+)"
)
KEY: Final = "{key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place: `name` is the pointer or the name, `claim` that of a JWT."""

    kind: Literal["pointer", "form", "query", "path", "jwt"]
    name: str
    claim: str = ""

    @property
    def segments(self) -> tuple[str, ...]:
        """The reference tokens of a pointer."""
        return segments_of(self.name)

    @property
    def form_name(self) -> str | None:
        """The name of the form field that it is."""
        if self.kind == "form":
            return self.name
        return self.segments[0] if self.kind == "pointer" and len(self.segments) == 1 else None

    @property
    def in_body(self) -> bool:
        """Whether it is in the body of a request."""
        return self.kind in ("pointer", "form", "jwt")


def segments_of(pointer: str) -> tuple[str, ...]:
    """The reference tokens of a JSON pointer."""
    return tuple(each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:])


def parse_place(text: str) -> Place:
    """Read a place as dialects write it; raises ValueError."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError(
            f'{text!r} is no place; write "/json/pointer", "form:name", "query:name", "path:name" or "jwt:/pointer#claim"'
        )
    if found["pointer"]:
        return Place(kind="pointer", name=found["pointer"])
    if found["token"]:
        return Place(kind="jwt", name=found["token"], claim=found["claim"])
    kind: Literal["form", "query", "path"] = found["kind"]  # type: ignore[assignment]
    return Place(kind=kind, name=found["name"])


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _check_places(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        parse_place(text)
    return texts


def _check_pointers(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if not re.fullmatch(_POINTER, text):
            raise ValueError(f'{text!r} is no JSON pointer (RFC 6901); write for example "/user/id"')
    return texts


Places: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_several), AfterValidator(_check_places)]
Pointers: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_several), AfterValidator(_check_pointers)]


def places(texts: tuple[str, ...]) -> tuple[Place, ...]:
    """The places that a checked key names."""
    return tuple(map(parse_place, texts))
