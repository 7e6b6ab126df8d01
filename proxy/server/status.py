"""Where a serving process is in its life."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ServingStatus:
    """Whether this process takes requests: it starts, serves, drains."""

    starting: bool = True
    draining: bool = False

    def not_ready(self) -> list[str]:
        """Return the reasons why no new requests should come here; empty while serving."""
        if self.draining:
            return ["draining"]
        return ["starting"] if self.starting else []
