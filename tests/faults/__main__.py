"""`python -m tests.faults`: what goes wrong, what it costs, and whether anything is lost. Exits 1 when a promise is broken."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from tests.faults.faults import CALM, COMMON, HOOK_PROCESSES_KILLED, Fault, clock_jump, disk_full, store_stopped
from tests.faults.judging import Balance, Figures, unverifiable
from tests.faults.product import CLAIM
from tests.faults.stage import Stage, set_stage
from tests.partners.loopback import open_http
from tests.proxy.e2e.movable_clock import MovableClock
from tests.proxy.e2e.product import eventually
from tests.proxy.e2e.recorder import JWKS
from tests.proxy.stores import create_database, start_server

_QUIET = 2.0
"""Seconds without an error after which the fault counts as over."""
_PATIENCE = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All figures of one store."""

    figures: Sequence[Figures]
    balance: Balance

    def broken(self) -> list[str]:
        """The promises that were not kept."""
        return [*(text for each in self.figures for text in each.broken()), *self.balance.broken()]


def main() -> int:
    """Run all drills, print the tables, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", choices=("postgresql", "disk", "clock"), help="one of the drills")
    chosen = parser.parse_args().only
    console = Console(width=None if sys.stdout.isatty() else 120)
    outcomes: list[Outcome] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hookpoint-faults-") as name:
        folder = Path(name)
        if chosen in (None, "postgresql"):
            outcomes.append(_with_postgresql(folder / "postgresql", console))
        for drill, run in (("disk", _with_a_small_disk), ("clock", _with_another_clock)):
            if chosen in (None, drill):
                try:
                    outcomes.append(run(folder / drill, console))
                except Missing as reason:
                    missing.append(str(reason))
    _print(console, outcomes, missing)
    broken = any(outcome.broken() for outcome in outcomes)
    return 1 if broken or (missing and chosen) else 0


class Missing(Exception):  # noqa: N818 - a state
    """A drill cannot be run here; the text says what it needs."""


def _with_postgresql(folder: Path, console: Console) -> Outcome:
    server = start_server(Path(tempfile.mkdtemp(prefix="hookpoint-faults-pg-")))
    try:
        with create_database(server) as url:
            faults = [*COMMON[:4], store_stopped(server), *COMMON[4:]]
            if shutil.which("node") is not None:
                faults.append(HOOK_PROCESSES_KILLED)
            return asyncio.run(_drill("PostgreSQL", folder, url, faults, console, workers=2))
    finally:
        server.cleanup()


def _with_a_small_disk(folder: Path, console: Console) -> Outcome:
    with _small_disk(folder / "disk") as disk:
        store = f"sqlite:///{disk}/store.db"
        return asyncio.run(_drill("SQLite, small disk", folder, store, [CALM, disk_full(disk)], console, workers=1))


def _with_another_clock(folder: Path, console: Console) -> Outcome:
    clock = MovableClock.create(folder / "clock")
    faults = [
        CALM,
        clock_jump(clock, 20, "clock 20 s ahead", silent=True),
        clock_jump(clock, -20, "clock 20 s behind", silent=True),
        clock_jump(clock, 3600, "clock an hour ahead"),
        clock_jump(clock, -3600, "clock an hour behind"),
    ]
    store = f"sqlite:///{folder}/store.db"
    return asyncio.run(
        _drill("SQLite, clock", folder, store, faults, console, workers=1, environment=clock.environment)
    )


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 24 MB, which takes the right to mount."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "hookpoint-faults", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        raise Missing("a full disk needs the right to mount a small file system: run as root, or in `unshare -rm`")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def _drill(
    store: str,
    folder: Path,
    url: str,
    faults: Sequence[Fault],
    console: Console,
    *,
    workers: int,
    environment: dict[str, str] | None = None,
) -> Outcome:
    figures: list[Figures] = []
    async with set_stage(folder, url, workers=workers, environment=environment) as stage:
        for fault in faults:
            console.print(f"{store}: {fault.name}", highlight=False)
            figures.append(await _run(store, stage, fault))
        await stage.load.stop()
        balance = await _balance(store, stage)
    return Outcome(figures=figures, balance=balance)


async def _run(store: str, stage: Stage, fault: Fault) -> Figures:
    begun = time.monotonic()
    async with _bounded():
        async with fault.cause(stage):
            pass
        ended = time.monotonic()
        last = await _quiet(stage, ended)
    asked = list(stage.load.since(begun))
    return Figures(
        store=store,
        fault=fault,
        asked=asked,
        recovery=max(0.0, last - ended),
        longest=max((each.ended - each.begun for each in asked), default=0.0),
    )


async def _quiet(stage: Stage, ended: float) -> float:
    """Wait until all that was asked before has ended and there was no error for a while; return when the last one was told."""
    while True:
        await asyncio.sleep(0.1)
        errors = [each.ended for each in stage.load.asked if each.error is not None]
        last = max(errors, default=ended)
        if time.monotonic() - max(last, ended) > _QUIET and stage.load.waits_since() > ended:
            return last


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    async with asyncio.timeout(_PATIENCE):
        yield


async def _balance(store: str, stage: Stage) -> Balance:
    load, due = stage.load, set(stage.load.signed_up)

    async def told() -> set[str]:
        return {email for _, email in stage.delivered()}

    with contextlib.suppress(TimeoutError):  # what is missing then is lost
        await eventually(told, lambda found: due <= found, seconds=_PATIENCE)
    done = {email for _, email in stage.delivered()}
    async with open_http() as http:
        published = (await http.get(stage.hookpoint.url + JWKS)).text
    return Balance(
        store=store,
        due=len(due),
        done=len(done),
        lost=sorted(due - done),
        foreign=sorted(done - set(stage.created())),
        tokens=len(load.tokens),
        unverifiable=unverifiable(load.tokens, published, issuer=stage.hookpoint.url, claim=CLAIM),
        tracebacks=[line for line in stage.hookpoint.log().splitlines() if "Traceback" in line],
    )


def _print(console: Console, outcomes: Sequence[Outcome], missing: Sequence[str]) -> None:
    table = Table("store", "fault", "sent", "answered", "errors by kind", "longest", "recovered in", "", box=SIMPLE)
    for figures in (each for outcome in outcomes for each in outcome.figures):
        errors = figures.errors
        table.add_row(
            figures.store,
            figures.fault.name,
            str(len(figures.asked)),
            str(len(figures.asked) - errors.total()),
            ", ".join(f"{count} x {error}" for error, count in errors.most_common()),
            f"{figures.longest:.1f} s",
            f"{figures.recovery:.1f} s",
            "; ".join(figures.broken()) or "ok",
        )
    console.print(table)
    balances = Table("store", "sign-ups", "delivered", "lost", "tokens", "unverifiable", "", box=SIMPLE)
    for balance in (outcome.balance for outcome in outcomes):
        numbers = (balance.due, balance.done, len(balance.lost), balance.tokens, len(balance.unverifiable))
        balances.add_row(balance.store, *map(str, numbers), "; ".join(balance.broken()) or "ok")
    console.print(balances)
    for reason in missing:
        console.print(f"not run: {reason}", highlight=False)


if __name__ == "__main__":
    os.environ.pop("HOOKPOINT_CONFIG", None)
    raise SystemExit(main())
