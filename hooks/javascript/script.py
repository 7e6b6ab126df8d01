"""A script as the configuration names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

RuntimeName = Literal["node", "deno"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One file of JavaScript, and what its processes may have.

    `trigger` is the point of a callback Hook, which does not say it itself. `environment` is the whole of `process.env` that the script
    gets. `memory` is in megabytes, for the heap and again for buffers outside of it. `dependencies` are npm packages and their
    versions. `net` (hosts, with or without port) and `read` (files and folders) open what Deno otherwise refuses.
    """

    path: Path
    trigger: str | None = None
    runtime: RuntimeName = "node"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    memory: int = 128
    dependencies: Mapping[str, str] = field(default_factory=dict)
    net: tuple[str, ...] = ()
    read: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The text of the file; raises OSError."""
        return self.path.read_text(encoding="utf-8", errors="replace")
