"""Paths with segments that stand for any, such as `/users/{id}/password`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_to_bytes

from hookpoint.proxy.path_aliases import TEMPLATE_SEGMENT, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# What ends, begins or leaves a segment for some server, whatever else stands in it.
_TREACHEROUS: Final = re.compile(r"[/\\;%?#\x00-\x1f\x7f]")


class PathTemplate:
    """One path with open segments. `root` is the part of it that some servers leave out of the decoded path."""

    __slots__ = ("_literals", "_names", "_pattern", "_root", "slashes", "text")

    def __init__(self, text: str, *, root: str = "") -> None:
        self.text = text
        self.slashes = text.count("/")
        self._root = unquote(root)
        self._literals = tuple(None if TEMPLATE_SEGMENT.match("/" + each, 1) else each for each in text.split("/"))
        self._names = tuple(TEMPLATE_SEGMENT.findall(text))
        self._pattern = re.compile("/".join("([^/]+)" if each is None else re.escape(each) for each in self._literals))

    def segments(self, wire: str) -> Sequence[str] | None:
        """What stands in the open segments of a path on the wire, or None for a path that has not this form."""
        found = self._pattern.fullmatch(wire)
        return found.groups() if found else None

    def read(self, segments: Iterable[str]) -> Mapping[str, str] | None:
        """The open segments by their names, decoded; None when servers could read one of them in different ways."""
        values = [_read(segment) for segment in segments]
        return None if None in values else dict(zip(self._names, (value or "" for value in values), strict=True))

    def decoded(self, wire: str) -> frozenset[str]:
        """A path on the wire as servers decode it: with and without the root."""
        paths = (wire, unquote(wire))
        return frozenset(paths) | {path.removeprefix(self._root) for path in paths}

    def overlaps(self, other: PathTemplate) -> bool:
        """Tell whether some path has both forms."""
        pairs = zip(self._literals, other._literals, strict=False)
        return self.slashes == other.slashes and all(one is None or two is None or one == two for one, two in pairs)


def _read(segment: str) -> str | None:
    try:
        value = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return None
    # Some drop blanks and dots at the end; a segment of dots alone is a step up.
    if _TREACHEROUS.search(value) or _TREACHEROUS.search(fold(value)) or value != value.strip(" .+\xa0"):
        return None
    return value or None
