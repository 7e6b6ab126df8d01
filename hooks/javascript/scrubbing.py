"""Keeps what a hook was told in confidence out of what it says: its log, its errors, its refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

SHORTEST: Final = 4
"""Shorter values are not looked for: they would be found in any text."""
REPLACEMENT: Final = "[redacted]"


def scrubber(values: Iterable[object]) -> Callable[[str], str]:
    """A function that replaces every one of the given texts."""
    secrets = sorted(
        {each for each in values if isinstance(each, str) and len(each) >= SHORTEST}, key=len, reverse=True
    )
    if not secrets:
        return _as_it_is
    pattern = re.compile("|".join(map(re.escape, secrets)))
    return lambda text: pattern.sub(REPLACEMENT, text)


def _as_it_is(text: str) -> str:
    return text


def confidential(event: object) -> list[object]:
    """What an event holds that nobody else may see: the hook's secrets, a password, a one-time code."""
    secrets = getattr(event, "secrets", None) or {}
    return [*secrets.values(), getattr(event, "password", None), getattr(event, "code", None)]
