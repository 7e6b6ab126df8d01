"""Whether some server would read one path as another.

Servers, frameworks and the proxies in front of them normalise paths in different ways and in different orders: one
resolves dot segments before it decodes, another decodes twice, a third drops matrix parameters. No single canonical form
therefore covers them all: `/oauth/a%2Fb/../token` is `/oauth/token` for a server that resolves first and `/oauth/a/token`
for one that decodes first. So the known normalisations are applied in every order, and a path is an alias when any order
arrives at an intercepted route.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DECODING_ROUNDS = 4

# What one path may cost, in forms and in characters over all forms. A path that names every segment of an intercepted
# route and is still more contorted than this is refused, not judged.
_FORMS = 128
_CHARACTERS = 32_768

_ESCAPES = re.compile(r"%u([0-9a-f]{4})|((?:%[0-9a-f]{2})+)")
_ESCAPES_BUT_SLASHES = re.compile(r"%u(?!002f)([0-9a-f]{4})|((?:%(?!2f)[0-9a-f]{2})+)")
# UTF-8 longer than needed (RFC 3629 section 3), which lenient decoders accept: C0 AF is a slash to them.
_OVERLONG = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}"
    rb"|\xf8[\x80-\x87][\x80-\xbf]{3}|\xfc[\x80-\x83][\x80-\xbf]{4}"
)
# Compatibility decomposition (NFKD) leaves these alone, "best fit" tables and case-insensitive matching do not.
_LOOKALIKES = str.maketrans({"\u0131": "i", "\u2044": "/", "\u2215": "/", "\u2216": "\\", "\ufffd": None})
_IGNORABLE = frozenset({"Mn", "Me", "Cf", "Cc", "Cs"})

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_SLASHES = re.compile(r"//+")
_PARAMETERS = re.compile(r";[^/]*")
_FROM_CONTROL = re.compile(r"[\x00-\x1f\x7f].*", re.DOTALL)
_FROM_QUERY = re.compile(r"[?#].*", re.DOTALL)
_EXTENSION = re.compile(r"\.[a-z0-9]{1,5}\Z")
_ONE_DOT = frozenset({".", "%2e"})
_TWO_DOTS = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})
_BLANK = "".join(map(chr, range(0x21))) + "\x7f+"
_TRAILING = _BLANK + "/."
_PLAIN = re.compile(r"(?:/[a-z0-9_~!$&'()*,=:@|-]+)+")

TEMPLATE_SEGMENT: Final = re.compile(r"(?<=/)\{([a-z_]+)\}(?=/|\Z)")
_ANY_SEGMENT = "\ue000"  # stands for it while templates are normalised, which leaves it alone


def decode(form: str) -> str:
    """Undo one round of percent-encoding in lower-case text, with `%uXXXX` and overlong UTF-8 taken as lenient servers do."""
    return _ESCAPES.sub(_decoded, form).lower() if "%" in form else form


def _decode_but_slashes(form: str) -> str:
    """One round by servers that keep `%2F` apart from the slash, as Apache and Tomcat can be told to."""
    return _ESCAPES_BUT_SLASHES.sub(_decoded, form).lower() if "%" in form else form


def fold(form: str) -> str:
    """Replace characters by the ASCII ones that case folding, NFKC or best-fit tables make of them."""
    if form.isascii():
        return form
    decomposed = unicodedata.normalize("NFKD", form.translate(_LOOKALIKES)).lower()
    return "".join(c for c in decomposed if c < "\x80" or unicodedata.category(c) not in _IGNORABLE)


def _decoded(escapes: re.Match[str]) -> str:
    if escapes[1]:
        code = int(escapes[1], 16)
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
    return _OVERLONG.sub(_shortest, bytes.fromhex(escapes[2].replace("%", ""))).decode("utf-8", "replace")


def _shortest(overlong: re.Match[bytes]) -> bytes:
    lead, *continuation = overlong[0]
    code = lead & (0xFF >> (len(continuation) + 2))
    for byte in continuation:
        code = code << 6 | byte & 0x3F
    return chr(code).encode("utf-8", "replace")


def _turn_backslashes(form: str) -> str:
    return form.replace("\\", "/")


def _merge_slashes(form: str) -> str:
    return _SLASHES.sub("/", form)


def _drop_authority(form: str) -> str:
    """What a URL parser makes of a network-path reference: `//host/oauth/token` (RFC 3986 section 4.2)."""
    return "/" + form[2:].partition("/")[2] if form.startswith("//") else form


def _resolve_dots(form: str) -> str:
    """RFC 3986 section 5.2.4, with `%2e` as a dot as in the WHATWG URL standard."""
    if "/." not in form and "/%2e" not in form:
        return form
    kept: list[str] = []
    for segment in form.split("/")[1:]:
        if segment in _TWO_DOTS:
            del kept[-1:]
        elif segment not in _ONE_DOT:
            kept.append(segment)
    return "/" + "/".join(kept)


def _drop_parameters(form: str) -> str:
    return _PARAMETERS.sub("", form)


def _cut_at_control(form: str) -> str:
    """What is left for a server that ends the path at NUL or at a line end."""
    return _FROM_CONTROL.sub("", form)


def _cut_at_query(form: str) -> str:
    return _FROM_QUERY.sub("", form)


def _cut_at_semicolon(form: str) -> str:
    return form.partition(";")[0]


def _drop_controls(form: str) -> str:
    return _CONTROLS.sub("", form)


def _trim_segments(form: str) -> str:
    return "/".join(_trim(segment) for segment in form.split("/"))


def _trim(segment: str) -> str:
    trimmed = segment.strip(_BLANK)
    return trimmed if trimmed in {".", ".."} else trimmed.rstrip(_BLANK + ".")


_NORMALISATIONS: tuple[Callable[[str], str], ...] = (
    decode,
    _decode_but_slashes,
    fold,
    _resolve_dots,
    _merge_slashes,
    _drop_parameters,
    _turn_backslashes,
    _cut_at_control,
    _cut_at_query,
    _cut_at_semicolon,
    _trim_segments,
    _drop_controls,
    _drop_authority,
)


def _stems(form: str, extensions: int) -> Iterator[str]:
    """The form without trailing slashes, dots and blanks, then without one more short extension (`/token.json`) each."""
    stem = form.rstrip(_TRAILING)
    yield stem
    for _ in range(extensions):
        stem = _EXTENSION.sub("", stem).rstrip(_TRAILING)
        yield stem


def _reveal(path: str) -> str | None:
    """All letters of a path in plain sight, or None when it is encoded more than `DECODING_ROUNDS` deep."""
    form = path.lower()
    if form.isascii() and "%" not in form:
        return form
    for _ in range(DECODING_ROUNDS + 1):
        decoded = fold(decode(form))
        if decoded == form:
            return _drop_controls(form)
        form = decoded
    return None


class PathAliases:
    """The paths that some server reads as one of the given ones (the given spellings included).

    The given ones may have segments that stand for any, such as `{id}`. Each is known by a name.
    """

    __slots__ = ("_canonical", "_names", "_templates")

    def __init__(self, paths: Iterable[tuple[str, str]]) -> None:
        self._canonical: dict[str, str] = {}
        templates: list[tuple[re.Pattern[str], str]] = []
        names: set[tuple[str, ...]] = set()
        for path, name in paths:
            for stem in _stems(_normalise(TEMPLATE_SEGMENT.sub(_ANY_SEGMENT, path)), 1):
                if _ANY_SEGMENT in stem:
                    templates.append((re.compile(re.escape(stem).replace(_ANY_SEGMENT, "[^/]+")), name))
                else:
                    self._canonical[stem] = name
                literal = (segment for segment in stem.split("/") if _ANY_SEGMENT not in segment)
                names.add(tuple(sorted(literal, key=len, reverse=True)))
        self._templates = tuple(dict.fromkeys(templates))
        # Normalising deletes and decodes; it never invents a name. So a path without the names is no alias.
        self._names = tuple(names)

    def cover(self, path: str, *, but: str | None = None) -> bool:
        """Tell whether any order of normalisations turns a raw or decoded path into a given one, other than that named `but`."""
        revealed = _reveal(path)
        if revealed is None:
            return True
        for names in self._names:
            if names[0] in revealed and all(name in revealed for name in names):
                return self._reachable(path.lower(), but)
        return False

    def _reachable(self, path: str, but: str | None) -> bool:
        if _PLAIN.fullmatch(path):  # nothing there to normalise
            return self._given(path, but)
        seen = {path}
        pending = [path]
        budget = _CHARACTERS
        while pending:
            form = pending.pop()
            if any(self._given(stem, but) for stem in _stems(form, 2)):
                return True
            budget -= len(form)
            for normalise in _NORMALISATIONS:
                other = normalise(form)
                if other not in seen:
                    seen.add(other)
                    pending.append(other)
            if budget < 0 or len(seen) > _FORMS:
                return True
        return False

    def _given(self, stem: str, but: str | None) -> bool:
        found = self._canonical.get(stem)
        if found is not None and found != but:
            return True
        return any(name != but and template.fullmatch(stem) for template, name in self._templates)


def _normalise(path: str) -> str:
    form = path.lower()
    for _ in range(DECODING_ROUNDS):
        for normalise in _NORMALISATIONS:
            form = normalise(form)
    return form
