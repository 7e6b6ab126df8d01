from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.providers.message import Message
from hookpoint.providers.scrubbing import LONGEST, scrub
from tests.providers.vendor_cases import MESSAGE, TEXT


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("Invalid 'To' Phone Number: +15005550006", "Invalid 'To' Phone Number: …"),
        ("Number 1 (500) 555-0006 is not valid", "Number … is not valid"),
        (f"Body was: {TEXT}", "(the answer repeated the text)"),
        ("Body was: 'It is valid for ten'", "(the answer repeated the text)"),
        ("code 9182 refused", "code … refused"),
        ("parameter 'from'\r\nis   missing", "parameter 'from' is missing"),
        ("", ""),
    ],
)
def test_details_are_cleaned(detail: str, expected: str) -> None:
    assert scrub(detail, MESSAGE) == expected


def test_codes_of_letters_are_cleaned() -> None:
    message = replace(MESSAGE, text="DTQC-QZRM", code="DTQC-QZRM")
    assert scrub("bad: dtqc-qzrm", message) == "bad: …"


def test_details_are_short() -> None:
    assert len(scrub("word " * 500, MESSAGE)) <= LONGEST


@given(
    before=st.text(max_size=60),
    after=st.text(max_size=60),
    code=st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=4, max_size=10),
)
def test_no_code_survives(before: str, after: str, code: str) -> None:
    message = Message(recipient="+15005550006", text=f"{code} is your code.", code=code)
    assert code not in scrub(before + code + after, message)
