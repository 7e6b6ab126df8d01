"""How many parts a text is sent and paid in (3GPP TS 23.038 and TS 23.040)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

# TS 23.038 6.2.1, in code order; the escape to the extension table stands at 0x1B and is no character.
BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ"
    "ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = "\f^{}\\[~]|€"
_BASIC, _EXTENSION = frozenset(BASIC), frozenset(EXTENSION)

GSM7_SINGLE, GSM7_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """``units`` are septets for GSM-7 and UTF-16 code units for UCS-2; ``parts`` is what is paid for."""

    encoding: Literal["gsm7", "ucs2"]
    units: int
    parts: int


def is_gsm7(text: str) -> bool:
    """Whether the text needs no Unicode."""
    return all(character in _BASIC or character in _EXTENSION for character in text)


def count(text: str) -> Segments:
    """Count a text's parts; a character of two units is never split between parts."""
    if is_gsm7(text):
        sizes = [2 if character in _EXTENSION else 1 for character in text]
        return _count("gsm7", sizes, GSM7_SINGLE, GSM7_PART)
    sizes = [2 if ord(character) > 0xFFFF else 1 for character in text]
    return _count("ucs2", sizes, UCS2_SINGLE, UCS2_PART)


def _count(encoding: Literal["gsm7", "ucs2"], sizes: list[int], single: int, part: int) -> Segments:
    units = sum(sizes)
    if units <= single:
        return Segments(encoding=encoding, units=units, parts=1)
    parts, room = 1, part
    for size in sizes:
        if size > room:
            parts, room = parts + 1, part
        room -= size
    return Segments(encoding=encoding, units=units, parts=parts)
