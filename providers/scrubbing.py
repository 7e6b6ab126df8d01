"""What a vendor says about a failure, without what it repeats of the message."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from hookpoint.providers.message import Message

LONGEST = 200
_DIGITS = re.compile(r"\+?\d(?:[\s.()/-]{0,2}\d){3,}")
_ECHO = 12


def scrub(detail: str, message: Message) -> str:
    """The detail in one short line, without the text, the code and any long run of digits.

    A detail that shares a longer passage with the text is dropped whole: vendors quote texts cut, escaped or reformatted.
    """
    line = " ".join(detail.split())[: LONGEST * 2]
    for secret in (message.code, message.user, message.ip):
        if secret:
            line = re.sub(re.escape(secret), "…", line, flags=re.IGNORECASE)
    if message.text and _longest_shared(line, message.text) >= min(_ECHO, len(message.text)):
        return "(the answer repeated the text)"
    return _DIGITS.sub("…", line)[:LONGEST]


def _longest_shared(line: str, text: str) -> int:
    flat = " ".join(text.split())[: LONGEST * 4]
    matcher = SequenceMatcher(None, line.casefold(), flat.casefold(), autojunk=False)
    return matcher.find_longest_match().size
