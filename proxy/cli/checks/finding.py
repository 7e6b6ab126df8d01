"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is; one `ERROR` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result: what was looked at, what was found and, unless it is fine, the key to change and the remedy."""

    level: Level
    subject: str
    reason: str
    key: str = ""
    value: str = ""
    remedy: str = ""


def fine(subject: str, reason: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(level=Level.OK, subject=subject, reason=reason)


def warning(subject: str, reason: str, *, remedy: str, key: str = "", value: str = "") -> Finding:
    """Return the finding that something works but deserves attention."""
    return Finding(level=Level.WARNING, subject=subject, reason=reason, key=key, value=value, remedy=remedy)


def error(subject: str, reason: str, *, remedy: str, key: str = "", value: str = "") -> Finding:
    """Return the finding that something does not work or is not safe."""
    return Finding(level=Level.ERROR, subject=subject, reason=reason, key=key, value=value, remedy=remedy)
