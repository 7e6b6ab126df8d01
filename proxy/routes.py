"""Which requests are intercepted, which are refused and which are none of our business.

The decision is a pure function of the path as it stands on the wire and of the path as the application sees it. No URL
parser takes part: `//host/x` and a poisoned Host header mean something to those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from hookpoint.proxy.path_aliases import TEMPLATE_SEGMENT, PathAliases
from hookpoint.proxy.path_templates import PathTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANY: Final[frozenset[str]] = frozenset()

# Visible ASCII without '#', '?' and '\': what may stand in the path of an origin-form target. Characters outside of
# RFC 3986 section 3.3 which browsers leave bare, such as '|' and '{', pass.
_LEGAL = bytes(byte for byte in range(0x21, 0x7F) if byte not in b"#?\\")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PCHAR = "/:@!$&'()*+,;=-._~"


class RouteError(ValueError):
    """A route that cannot be intercepted as it is written."""

    code = "invalid_route"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An intercepted path.

    `kind` says which flow it gets; `name` tells routes of a kind apart that have flows of their own. `path` is the one exact
    spelling, as on the wire, relative to the mount root; another spelling that shall be served is another route. A segment such
    as `{id}` stands for any. `methods` are those the flow handles, `ANY` for all.
    """

    kind: str
    path: str
    methods: frozenset[str] = ANY
    name: str = ""

    @property
    def flow(self) -> str:
        """What its flow is known by."""
        return f"{self.kind}.{self.name}" if self.name else self.kind

    def handles(self, method: str) -> bool:
        """Tell whether the flow handles a method, in any letter case: Werkzeug and others serve `post` as `POST`."""
        return not self.methods or method.upper() in self.methods


@dataclass(frozen=True, slots=True)
class Matched:
    """The request names an intercepted route in its exact spelling, whatever its method.

    `parameters` are the segments that the route leaves open, decoded.
    """

    route: Route
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The request must be answered 400: `code` is stable, `reason` may be shown to the client."""

    code: str
    reason: str


class Passed(Enum):
    """The request is forwarded byte for byte."""

    PASS = auto()


Decision = Matched | Refused | Passed
PASS: Final = Passed.PASS

# RFC 9112 section 3.2.4: a target of OPTIONS alone; the caller, who knows the method, lets it pass there.
ASTERISK: Final = Refused("asterisk_form", "The request target * is for OPTIONS only.")
NOT_ORIGIN_FORM: Final = Refused("not_origin_form", "The request target must begin with a slash.")
ILLEGAL_CHARACTER: Final = Refused("illegal_character", "The path contains a character that must be percent-encoded.")
BAD_ESCAPE: Final = Refused("bad_escape", "The path contains a percent sign that begins no escape.")
ALIAS: Final = Refused("path_alias", "The path is another spelling of an intercepted route.")
OUT_OF_STEP: Final = Refused("path_out_of_step", "The decoded path differs from the path on the wire.")


class RouteTable:
    """The compiled routes of one upstream below one mount root.

    `root_path` is the ASGI one: decoded, without a trailing slash. Servers differ in whether `path` repeats it, and a
    wrapped router strips it only where it is there, so a route is intercepted with it and without it. Raises
    `RouteError`. Building costs some 0.1 ms; tables are immutable, keep one per root path.
    """

    __slots__ = ("_aliases", "_exact", "_templates")

    def __init__(self, routes: Iterable[Route], *, root_path: str = "") -> None:
        root = root_path.rstrip("/")
        self._exact: dict[bytes, tuple[Matched, frozenset[str]]] = {}
        self._templates: dict[int, list[tuple[PathTemplate, Route]]] = {}  # by the number of slashes
        paths: list[tuple[str, str]] = []
        for route in routes:
            _check(route)
            prefixes = {each for each in (root, quote(root, safe=_PCHAR), "") if each.isascii()}
            paths += [(prefix + route.path, route.path) for prefix in prefixes]
            if TEMPLATE_SEGMENT.search(route.path):
                self._add_template(route, prefixes)
            else:
                self._add(route, root, prefixes)
        self._aliases = PathAliases(paths)

    def _add(self, route: Route, root: str, prefixes: Iterable[str]) -> None:
        decoded = frozenset({prefix + path for prefix in (root, "") for path in (route.path, unquote(route.path))})
        for prefix in prefixes:
            raw = (prefix + route.path).encode("ascii")
            if raw in self._exact and self._exact[raw][0].route is not route:
                raise RouteError(f"the path {route.path} has two routes")
            self._exact[raw] = Matched(route), decoded

    def _add_template(self, route: Route, prefixes: Iterable[str]) -> None:
        for prefix in prefixes:
            template = PathTemplate(prefix + route.path, root=prefix)
            present = self._templates.setdefault(template.slashes, [])
            for other, taken in present:
                if taken is not route and template.overlaps(other):
                    raise RouteError(f"a path can have both routes {taken.path} and {route.path}")
            present.append((template, route))

    def decide(self, raw_path: bytes, path: str) -> Decision:
        """Judge `raw_path` (as on the wire, without the query) together with `path` (decoded once by the server).

        Returns `Matched` for the exact spelling, `Refused` for malformed paths and other spellings of a route, `PASS`
        otherwise.
        """
        if raw_path.translate(None, _LEGAL) or not raw_path.startswith(b"/"):
            return _malformed(raw_path)
        exact = self._exact.get(raw_path)
        if exact is not None:
            return exact[0] if path in exact[1] else OUT_OF_STEP
        if b"%" in raw_path and _BAD_ESCAPE.search(raw_path):
            return BAD_ESCAPE
        wire = raw_path.decode("ascii")
        if self._templates and (found := self._templated(wire, path)) is not None:
            return found
        if self._aliases.cover(wire) or (path != wire and self._aliases.cover(path)):
            return ALIAS
        return PASS

    def _templated(self, wire: str, path: str) -> Decision | None:
        for template, route in self._templates.get(wire.count("/"), ()):
            segments = template.segments(wire)
            if segments is None:
                continue
            parameters = template.read(segments)
            # What stands in an open segment must neither lead elsewhere nor be a part of another route's path.
            if parameters is None or self._aliases.cover(wire, but=route.path):
                return ALIAS
            return Matched(route, parameters) if path in template.decoded(wire) else OUT_OF_STEP
        return None


def _malformed(raw_path: bytes) -> Refused:
    if raw_path == b"*":
        return ASTERISK
    return ILLEGAL_CHARACTER if raw_path.startswith(b"/") else NOT_ORIGIN_FORM


def _check(route: Route) -> None:
    raw = route.path.encode()
    if not raw.startswith(b"/") or raw.startswith(b"//") or raw.translate(None, _LEGAL) or _BAD_ESCAPE.search(raw):
        raise RouteError(
            f"{route.path!r} is not a path as it stands on the wire: begin with one slash, escape with %XX"
        )
    segments = route.path[1:].split("/")
    if any(("{" in each or "}" in each) and not TEMPLATE_SEGMENT.fullmatch("/" + each, 1) for each in segments):
        raise RouteError(
            f"{route.path!r} has braces that do not enclose a whole segment, such as /users/{{id}}/password"
        )
    if all("{" in each for each in segments):
        raise RouteError(f"{route.path!r} is any path: at least one segment must have a name")
