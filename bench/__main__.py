"""`python -m bench`: one run, one table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.deadlines import latest
from bench.peers import PEERS
from bench.peers.direct import launch_origin
from bench.peers.hookpoint import IN_NODE
from bench.peers.peer import Absent, Peer
from bench.processes import Cores, NotStarted, free_port, pinned, running
from bench.promises import judge
from bench.report import Part, Report
from bench.rounds import Plan, Sample, measure
from bench.stage import set_stage
from bench.suites import Measurement, side_by_side, sweeps
from bench.table import tabulate
from bench.works import SMALL, WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH = 120  # of what is written to a file


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write what was asked for; returns the exit code, 1 when a peer fails at its work or a promise is not kept."""
    options = _parser().parse_args(arguments)
    plan = Plan(rounds=options.rounds, seconds=options.seconds, open_seconds=max(0.5, options.seconds * 5 / 3))
    if options.quick:
        plan = Plan(rounds=1, slices=1, seconds=0.3, warm_up=0.1, open_seconds=0.3)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    wanted = [peer for peer in PEERS if options.only is None or peer.name in options.only]
    peers, versions, absent = _available(wanted)
    measurements = [side_by_side(peers)]
    if not options.no_sweeps and options.only is None:
        measurements.append(sweeps(peers))
    try:
        report = _run(measurements, versions, absent, plan)
    except (NotStarted, WrongAnswer) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report.print(console)
    if options.json is not None:
        options.json.write_text(json.dumps(report.data(), indent=1) + "\n")
    if options.write is not None:
        options.write.write_text(report.page())
    return 1 if report.broken and not options.quick else 0


def _run(measurements: Sequence[Measurement], versions: dict[str, str], absent: dict[str, str], plan: Plan) -> Report:
    parts: list[Part] = []
    cores, load = Cores.split(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="hookpoint-bench-") as name, pinned(cores.others):
        port = free_port()
        stage = set_stage(Path(name), port)
        with running(launch_origin(stage, stage.folder / "upstream", port), port, SMALL.request, cores.others):
            for each in measurements:
                found = measure(each.suite, stage, cores, plan, lambda text: print(text, file=sys.stderr))
                names = [peer.name for peer in each.suite.peers]
                if not parts and IN_NODE in names:
                    found.append(Sample(figure="late", peer=IN_NODE, round=0, value=max(latest().values())))
                rows = tabulate(found, names, each.figures)
                parts.append(Part(title=each.title, peers=names, samples=found, rows=rows))
    return Report(
        when=datetime.now(UTC),
        plan=plan,
        cores=str(cores),
        load=load,
        versions=versions,
        absent=absent,
        parts=parts,
        verdicts=judge(parts[0].samples),
    )


def _available(wanted: Sequence[Peer]) -> tuple[list[Peer], dict[str, str], dict[str, str]]:
    peers: list[Peer] = []
    versions: dict[str, str] = {}
    absent: dict[str, str] = {}
    for peer in wanted:
        try:
            versions[peer.name] = peer.version()
            peers.append(peer)
        except Absent as missing:
            absent[peer.name] = str(missing)
    return peers, versions, absent


def _parser() -> argparse.ArgumentParser:
    names = [peer.name for peer in PEERS]
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure peers side by side.")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="how often everything is measured")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="for each rate in each round")
    parser.add_argument("--only", nargs="+", choices=names, metavar="PEER", help=f"some of: {', '.join(names)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page docs/benchmarks.md")
    parser.add_argument("--no-sweeps", action="store_true", help="side by side only")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that all works")
    return parser


if __name__ == "__main__":
    os.environ.pop("HOOKPOINT_CONFIG", None)
    raise SystemExit(main())
