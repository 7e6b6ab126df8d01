"""Ways to write a path so that it still means the same to somebody, for property tests to combine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Mutation = Callable[[str, Random], str]

ENDINGS = (
    "/", "%2f", ".", "%2E", "%20", "+", "%09", "%0a", "%0d%0a", "%00", "%00/x.json", "%0a/more", ";", ";x", ";x=/", "%3b",
    ".json", ".XML", "%3fx=1", "%23f", "/./", "/x/../", "//", "%5c", "%c2%a0", "%c2%ad",
)  # fmt: skip


_TOKENS = re.compile(r"%(?:25)+u[0-9a-f]{4}|(?:%(?:25)*[89a-f][0-9a-f])+|%[0-9a-f]{2}|.", re.IGNORECASE)


def _at(path: str, wanted: str, random: Random, replacement: Callable[[str], str]) -> str:
    """Replace one of the wanted characters; those inside an escape are left alone."""
    tokens = _TOKENS.findall(path)
    places = [place for place, token in enumerate(tokens) if token in wanted]
    if places:
        place = random.choice(places)
        tokens[place] = replacement(tokens[place])
    return "".join(tokens)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def change_case(path: str, random: Random) -> str:
    return "".join(random.choice((character.lower(), character.upper())) for character in path)


def escape(path: str, random: Random) -> str:
    """Escape a character, or the percent sign of an escape once more; the bytes of one character stay together."""
    tokens = _TOKENS.findall(path)
    place = random.randrange(1, len(tokens))
    first, *rest = tokens[place]
    tokens[place] = tokens[place].replace("%", "%25") if first == "%" and rest else f"%{ord(first):02X}"
    return "".join(tokens)


def escape_as_unicode(path: str, random: Random) -> str:
    return _at(path, _LETTERS, random, lambda character: f"%25u{ord(character):04x}")


def lengthen(path: str, random: Random) -> str:
    return _at(path, _LETTERS + "./", random, lambda c: f"%{0xC0 | ord(c) >> 6:02x}%{0x80 | ord(c) & 63:02x}")


def widen(path: str, random: Random) -> str:
    return _at(path, _LETTERS, random, lambda c: "".join(f"%{byte:02x}" for byte in chr(ord(c) + 0xFEE0).encode()))


def double_slash(path: str, random: Random) -> str:
    return _at(path, "/", random, lambda _: "//")


def turn_slash(path: str, random: Random) -> str:
    return path[:1] + _at(path[1:], "/", random, lambda _: "%5c")


def insert_dot(path: str, random: Random) -> str:
    return _at(path, "/", random, lambda _: "/./")


def insert_dots(path: str, random: Random) -> str:
    return _at(path, "/", random, lambda _: random.choice(("/x/../", "/x/%2e%2e/", "/x;y/../")))


def insert_parameter(path: str, random: Random) -> str:
    return path[:1] + _at(path[1:] + "/", "/", random, lambda _: ";v=1/").removesuffix("/")


def append(path: str, random: Random) -> str:
    ending = random.choice(ENDINGS)
    # A dot after a slash or a dot begins a dot segment, and with it another path.
    glued = unquote(ending).startswith(".") and re.search(r"[/\\.]\Z|%(?:2f|5c|2e|af|ae)\Z|\s\Z", path, re.IGNORECASE)
    return path if glued else path + ending


MUTATIONS: tuple[Mutation, ...] = (
    change_case, escape, escape_as_unicode, lengthen, widen, double_slash, turn_slash, insert_dot, insert_dots,
    insert_parameter, append,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, path: str) -> str:
    """One to three mutations of a path, in any order, as a path on the wire."""
    random = draw(st.randoms(use_true_random=False))
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=3)):
        path = mutate(path, random)
    return path
