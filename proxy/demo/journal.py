"""What the demo's hooks note when they run after the answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

_PAUSE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """A file with a line for each event."""

    path: Path

    def lines(self) -> list[str]:
        """All lines, the oldest first."""
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []

    async def line_about(self, text: str, *, within: float) -> str:
        """The line that has `text` in it, which is waited for; empty when it has not come in `within` seconds."""
        until = time.monotonic() + within
        while True:
            found = [line for line in self.lines() if text in line]
            if found or time.monotonic() > until:
                return found[-1] if found else ""
            await asyncio.sleep(_PAUSE)
