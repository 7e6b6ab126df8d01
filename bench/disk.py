"""How long the disk takes for what a peer may not answer without."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIMES = 10
_BYTES = 600


def commit_seconds(commits: int, folder: Path) -> list[float]:
    """Durations of so many commits of SQLite one after the other, each a row that is safe on the disk, and nothing else."""
    with closing(sqlite3.connect(folder / "disk.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (row BLOB)")
        durations = []
        for _ in range(_TIMES):
            started = time.perf_counter()
            for _ in range(commits):
                connection.execute("INSERT INTO rows VALUES (?)", (bytes(_BYTES),))
            durations.append(time.perf_counter() - started)
        return durations
