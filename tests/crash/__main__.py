"""The whole crash test: `make crash`, or `python -m tests.crash --help`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.crash.drill import Drill, run_drill
from tests.crash.promises import broken_promises, figures
from tests.proxy.stores import create_database, start_server


def main() -> int:
    """Run it on both stores, print the figures, and return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description="Kill hookpoint while users sign up, and count.")
    parser.add_argument("--sign-ups", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], action="append")
    said = parser.parse_args()
    drills: dict[str, Drill] = {}
    with tempfile.TemporaryDirectory(prefix="hookpoint-crash-") as name:
        folder = Path(name)
        size = {"sign_ups": said.sign_ups, "kills": said.kills}
        if "sqlite" in (said.store or ["sqlite"]):
            url = f"sqlite:///{folder / 'store.db'}"
            drills["SQLite"] = asyncio.run(run_drill(folder / "sqlite", url, processes=1, **size))
        if "postgresql" in (said.store or ["postgresql"]):
            database_folder = Path(tempfile.mkdtemp(prefix="hookpoint-crash-postgresql-"))
            server = start_server(database_folder)
            try:
                with create_database(server) as url:
                    drill = run_drill(folder / "postgresql", url, processes=2, **size)
                    drills["PostgreSQL, two processes"] = asyncio.run(drill)
            finally:
                server.cleanup()
    _print(drills)
    broken = [f"{store}: {line}" for store, drill in drills.items() for line in broken_promises(drill)]
    for line in broken:
        print(line, file=sys.stderr)
    print(f"{len(broken)} promises were broken" if broken else "all promises hold")
    return 1 if broken else 0


def _print(drills: dict[str, Drill]) -> None:
    columns = {store: figures(drill) for store, drill in drills.items()}
    print("".ljust(30), *(store.rjust(26) for store in columns))
    for row in next(iter(columns.values())):
        print(row.ljust(30), *(str(column[row]).rjust(26) for column in columns.values()))


if __name__ == "__main__":
    sys.exit(main())
