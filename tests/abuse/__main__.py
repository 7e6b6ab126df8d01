"""`python -m tests.abuse`: requests for codes, as those make who earn by them; what is sent, refused and why. Exits 1 when a limit broke."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from tests.abuse.drill import VERIFIED
from tests.abuse.product import Flooded, flood
from tests.proxy.stores import create_database, start_server


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drill on the chosen stores, print the figures, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), help="one of the stores")
    parser.add_argument("--requests", type=int, default=10_000, help="how many requests (10000)")
    parser.add_argument("--numbers", type=int, default=500, help="over how many phone numbers (500)")
    parser.add_argument("--addresses", type=int, default=20, help="from how many addresses (20)")
    parser.add_argument("--verified", type=float, default=VERIFIED, help="which share of the codes is typed in (0.1)")
    chosen = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    broken = False
    for store in ("sqlite", "postgresql"):
        if chosen.store in (None, store):
            with tempfile.TemporaryDirectory(prefix="hookpoint-abuse-") as name, _store(store, Path(name)) as url:
                work = flood(
                    Path(name),
                    url,
                    requests=chosen.requests,
                    numbers=chosen.numbers,
                    addresses=chosen.addresses,
                    verified=chosen.verified,
                )
                flooded = asyncio.run(work)
            _print(console, store, flooded)
            broken |= bool(flooded.problems)
    return 1 if broken else 0


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'store.db'}"
        return
    server = start_server(Path(tempfile.mkdtemp(prefix="hookpoint-abuse-pg-")))
    try:
        with create_database(server) as url:
            yield url
    finally:
        server.cleanup()


def _print(console: Console, store: str, flooded: Flooded) -> None:
    figures = flooded.figures
    console.print(f"{store}: {figures.asked} requests in {figures.seconds:.0f} s at two processes", highlight=False)
    outcomes = Table("outcome", "requests", box=SIMPLE)
    for country, count in sorted(figures.countries.items()):
        outcomes.add_row(f"sent to {country}", str(count))
    outcomes.add_row("sent", str(len(figures.out)), end_section=True)
    for reason, count in figures.refused.most_common():
        outcomes.add_row(f"refused: {reason}", str(count))
    outcomes.add_row("refused", str(figures.refused.total()))
    console.print(outcomes)
    uses = Table("limit", "most that anybody had of it", "allowed", box=SIMPLE)
    for use in figures.uses():
        uses.add_row(use.limit, str(use.most), str(use.allowed))
    console.print(uses)
    console.print("; ".join(flooded.problems) or "nothing went beyond the limits", highlight=False)


if __name__ == "__main__":
    os.environ.pop("HOOKPOINT_CONFIG", None)
    raise SystemExit(main())
