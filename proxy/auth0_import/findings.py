"""What a person has to know of an import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing: `decide` is for a person to settle, `cannot` does not work as it is. `line` is one of the subject's script."""

    verdict: Literal["decide", "cannot"]
    subject: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.subject}, line {self.line}" if self.line else self.subject
        return f"{place}: {self.text}."


def decide(subject: str, text: str, *, line: int | None = None) -> Finding:
    """Something that a person has to decide or complete."""
    return Finding(verdict="decide", subject=subject, text=text, line=line)


def cannot(subject: str, text: str, *, line: int | None = None) -> Finding:
    """Something that does not work, and why."""
    return Finding(verdict="cannot", subject=subject, text=text, line=line)
