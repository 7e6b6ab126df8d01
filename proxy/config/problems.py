"""What is wrong with a configuration, said so that the reader can put it right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

HIDDEN = "(not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to put right: the key, its value (never a secret), the reason, the remedy, and where it stands."""

    key: str
    value: str
    reason: str
    remedy: str
    where: str | None = None

    def __str__(self) -> str:
        """Return the problem in one line."""
        place = f" ({self.where})" if self.where else ""
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown}{place}: {self.reason}. {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Values that are each allowed but not together: the key to change, the reason, the remedy."""

    location: tuple[str | int, ...]
    reason: str
    remedy: str


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` lists everything that was found, not only the first."""

    code: ClassVar[str] = "configuration_invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep all problems; there is at least one."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
