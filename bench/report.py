"""The table on a terminal, as a page of the documentation, and as JSON."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.charts import CHARTS
from bench.promises import Verdict, shown
from bench.table import Row, render_cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bench.rounds import Plan, Sample

_KEPT = {True: "kept", False: "not kept", None: ""}
_PAGE = """# Benchmarks

What hookpoint costs, beside no proxy at all and what one might pick instead. All figures come from one run of `make bench` with
`--write docs/benchmarks.md`; how many rounds it had, and how long they were, stands below. Each round starts every peer, measures one after the other on the same work, and stops them; peers are
compared within a round. The first line of a cell is the median of those ratios or differences, with the lowest and the highest
round in brackets; the second is the median of the peer's own figure. The column named under a figure is what the others are
compared with, and shows its own figure with its lowest and highest round. [Why it is so](explanation/speed.md).

{promises}

{tables}

{charts}

## What was measured

- {machine}
- {when}; {rounds} rounds, {seconds:g} s for each rate after {warm_up:g} s to warm up, {open_seconds:g} s for each latency,
  in {slices} slices between which the peers take turns.
- Cores: {cores}; load average before the run: {load:.1f}. One worker for each peer. The load generator and the server behind the peers share what is left.
- The server behind all peers echoes bodies, and answers token requests with one fixed RS256 token.
- Rates: 16 keep-alive connections (4 for 1 MiB), each asking again as soon as it is answered. "≥" marks a rate at which the peer
  did not use up its core: the load generator, the server behind, or what else ran on the machine was the limit. Look at the CPU
  time there.
- Latencies at a rate: requests leave at that rate whether or not earlier ones are answered, and count from the moment they were due.
  It is the first of {rates} a second of which every peer in the row can do twice as much.
- Latencies one at a time: one connection, which asks again when it is answered.
- Sign-ups have an address each. The commits by themselves are those of SQLite in the folder of the peer, each waiting for the disk, as
  "hooks before and after" does twice before it answers.
- Every peer's answers are checked before and after each measurement: the echoed bytes, or the token's signature, the added claim
  and all other claims. One wrong or failed answer ends the run.
- Scripts that are given up: loops, memory bombs, lost callbacks and rejections, `process.exit`, answers of 10 MB, and loops while another
  script answers 1,000 calls at a time. `python -m bench.deadlines` tells them apart.
- CPU time is user and system time of the server and its children, memory their resident size. A start includes whatever the
  peer does before its first good answer; hookpoint makes its signing key in its first start and finds it in the others.
- "2 workers" may use all cores, and shares them with the load generator and the server behind.

| peer | version |
| --- | --- |
{versions}
{absent}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One table: its columns are `peers`."""

    title: str
    peers: Sequence[str]
    samples: Sequence[Sample]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything one run came to; `load` is the load average before it."""

    when: datetime
    plan: Plan
    cores: str
    load: float
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    parts: Sequence[Part]
    verdicts: Sequence[Verdict]

    @property
    def broken(self) -> bool:
        """Whether a promise that could be measured was not kept."""
        return any(verdict.kept is False for verdict in self.verdicts)

    def print(self, console: Console) -> None:
        """Show the table, long rather than wide, and who is not in it."""
        table = Table("", "", "", "", box=SIMPLE, show_header=False, pad_edge=False)
        for row in (row for part in self.parts for row in part.rows):
            table.add_section()
            for number, (peer, cell) in enumerate(row.cells.items()):
                title = dict(enumerate(self._title(row, "\n").splitlines())).get(number, "")
                table.add_row(title, peer, *render_cell(row.figure, cell))
        console.print(table)
        promises = Table("promise", "", "measured", "", box=SIMPLE, pad_edge=False)
        for verdict in self.verdicts:
            promises.add_row(*shown(verdict), _KEPT[verdict.kept])
        console.print(promises)
        for peer, reason in self.absent.items():
            console.print(f"absent: {peer} ({reason})", highlight=False)

    def page(self) -> str:
        """Return the page of the documentation."""
        return _PAGE.format(
            promises=self._promises(),
            tables="\n\n".join(f"## {part.title}\n\n{self._markdown(part)}" for part in self.parts if part.rows),
            charts="\n\n".join(filter(None, (chart.render(self.parts[-1].samples) for chart in CHARTS))),
            machine=machine(),
            when=self.when.strftime("%d %B %Y"),
            cores=self.cores,
            load=self.load,
            versions="\n".join(f"| {peer} | {version} |" for peer, version in self.versions.items()),
            absent="".join(f"\nNot measured: {peer} ({reason}).\n" for peer, reason in self.absent.items()),
            **{**asdict(self.plan), "rates": ", ".join(f"{rate:g}" for rate in self.plan.rates)},
        )

    def data(self) -> dict[str, object]:
        """Return all samples, with machine and versions, for JSON."""
        return {
            "when": self.when.isoformat(),
            "machine": machine(),
            "cores": self.cores,
            "load": self.load,
            "plan": asdict(self.plan),
            "versions": dict(self.versions),
            "absent": dict(self.absent),
            "samples": [{"part": part.title, **asdict(sample)} for part in self.parts for sample in part.samples],
        }

    def _title(self, row: Row, line_break: str) -> str:
        title = row.figure.title.format(rate=row.rate or 0.0)
        if row.reference is None:
            return title
        relation = "times" if row.figure.relation == "ratio" else "over"
        return f"{title}{line_break}{relation} {row.reference}"

    def _promises(self) -> str:
        lines = ["| promise | | measured | |", "| --- | ---: | ---: | --- |"]
        lines += [f"| {' | '.join(shown(verdict))} | {_KEPT[verdict.kept]} |" for verdict in self.verdicts]
        return "\n".join(lines)

    def _markdown(self, part: Part) -> str:
        lines = ["| | " + " | ".join(part.peers) + " |", "| --- |" + " ---: |" * len(part.peers)]
        for row in part.rows:
            cells = ["<br>".join(filter(None, render_cell(row.figure, row.cells.get(peer)))) for peer in part.peers]
            lines.append(f"| {self._title(row, '<br>')} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


def machine() -> str:
    """Name processor, cores, memory, system and Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
