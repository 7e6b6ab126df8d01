from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.providers.segments import BASIC, EXTENSION, count, is_gsm7


def test_the_alphabet_has_every_code_but_the_escape() -> None:
    assert len(BASIC) == len(set(BASIC)) == 127
    assert len(EXTENSION) == len(set(EXTENSION)) == 10
    assert not set(BASIC) & set(EXTENSION)
    assert BASIC[0x20] == "Æ" or BASIC.index(" ") == 0x1F  # 0x1B is the escape and not in the string


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),  # the escape would be cut from its character
        ("я" * 70, "ucs2", 70, 1),
        ("я" * 71, "ucs2", 71, 2),
        ("я" * 134, "ucs2", 134, 2),
        ("я" * 135, "ucs2", 135, 3),
        ("😀" * 35, "ucs2", 70, 1),
        ("😀" * 36, "ucs2", 72, 2),
        ("я" * 66 + "😀" + "я" * 66, "ucs2", 134, 3),
        ("`", "ucs2", 1, 1),
    ],
)
def test_parts(text: str, encoding: str, units: int, parts: int) -> None:
    counted = count(text)
    assert (counted.encoding, counted.units, counted.parts) == (encoding, units, parts)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=700))
def test_parts_hold_the_text_and_no_more_than_needed(text: str) -> None:
    counted = count(text)
    part = 153 if counted.encoding == "gsm7" else 67
    single = 160 if counted.encoding == "gsm7" else 70
    if counted.encoding == "ucs2":
        assert counted.units == len(text.encode("utf-16-be")) // 2
    if counted.parts == 1:
        assert counted.units <= single
    else:
        assert counted.units > single
        # At most one unit of each part but the last can be lost to a character that may not be cut.
        assert (counted.parts - 1) * (part - 1) < counted.units <= counted.parts * part


@given(st.text(BASIC + EXTENSION), st.text(BASIC + EXTENSION))
def test_more_text_is_never_fewer_parts(first: str, second: str) -> None:
    assert is_gsm7(first + second)
    assert count(first + second).parts >= max(count(first).parts, count(second).parts)
