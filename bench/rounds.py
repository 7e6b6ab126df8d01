"""Running the rounds: in each, every peer is started, measured on every work in turn, and stopped."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import TYPE_CHECKING

from bench.disk import commit_seconds
from bench.load import Run, closed_loop, open_loop
from bench.processes import Server, free_port, running
from bench.works import SIGN_UP, SMALL, TOKEN, WORKS, Verify, Work, WrongAnswer, verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.peers.peer import Peer
    from bench.processes import Cores
    from bench.stage import Stage

_OPEN_CONNECTIONS = 32
_LEAST_REQUESTS = 20  # in a slice, however low the rate
_SATURATED = 0.85  # of a core; below, something else than the peer was the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Who is measured on what: the rate of each of the `works` that a peer does, its latency at a fixed rate on `timed`, and that of
    one request after the other on `alone`."""

    peers: Sequence[Peer]
    works: Sequence[Work] = WORKS
    timed: Sequence[Work] = (SMALL, TOKEN, SIGN_UP)
    alone: Sequence[Work] = (TOKEN, SIGN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure; times in seconds for every cell of a round, `rates` in requests a second.

    Latencies are measured at the first of the `rates` of which every peer that is compared can do twice as much. The time of a cell comes in `slices`, the peers taking turns, so that what else the machine does meets all of them.
    """

    rounds: int = 3
    slices: int = 4
    seconds: float = 1.2
    warm_up: float = 0.4
    rates: Sequence[float] = (200.0, 100.0, 50.0, 25.0, 10.0)
    open_seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One figure of one peer in one round; `limited` marks a rate that something else than the peer held down."""

    figure: str
    peer: str
    round: int
    value: float
    limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contestant:
    peer: Peer
    server: Server
    checks: dict[str, Verify] = field(default_factory=dict)


def measure(suite: Suite, stage: Stage, cores: Cores, plan: Plan, say: Callable[[str], None]) -> list[Sample]:
    """Run all rounds; raises NotStarted, and WrongAnswer as soon as a peer does not do its work."""
    samples: list[Sample] = []
    rates: dict[str, float] = {}
    for number in range(plan.rounds):
        say(f"round {number + 1} of {plan.rounds}")
        with ExitStack() as stack:
            contestants = [_enter(stack, suite, peer, stage, cores, number, samples) for peer in suite.peers]
            for figure, peer, value, limited in _cells(suite, contestants, plan, rates):
                samples.append(Sample(figure=figure, peer=peer, round=number, value=value, limited=limited))
    return samples


def _enter(
    stack: ExitStack, suite: Suite, peer: Peer, stage: Stage, cores: Cores, number: int, samples: list[Sample]
) -> _Contestant:
    """Start a peer and check each of its answers before anything is measured."""
    port = free_port()
    folder = stage.folder / peer.name.replace(" ", "-")
    # What needs everything to be up is the best sign that it is: keys are there once a token was signed.
    probe = next(work for work in (TOKEN, SMALL, SIGN_UP) if work.name in peer.works)
    own = cores.tested | cores.others if peer.spread else cores.tested
    server = stack.enter_context(running(peer.launch(stage, folder, port), port, probe.request, own))
    samples.append(Sample(figure="start", peer=peer.name, round=number, value=server.ready_seconds))
    samples.append(Sample(figure="idle", peer=peer.name, round=number, value=server.resident_bytes()))
    works = {work.name: work for work in (*suite.works, *suite.timed) if work.name in peer.works}
    checks = {name: verifier(peer, work, stage, server.address) for name, work in works.items()}
    return _Contestant(peer=peer, server=server, checks=checks)


_Cell = tuple[str, str, float, bool]


def _cells(suite: Suite, contestants: Sequence[_Contestant], plan: Plan, rates: dict[str, float]) -> Iterator[_Cell]:
    """`rates` are those at which latencies are measured, by work: what the first round finds, the others keep."""
    slowest: dict[str, float] = {}
    for work in suite.works:
        for figure, peer, value, limited in _measure_rates(_doing(work, contestants), work, plan):
            if figure.endswith(".rate"):
                slowest[work.name] = min(value, slowest.get(work.name, value))
            yield figure, peer, value, limited
    for work in suite.timed:
        kept = (rate for rate in plan.rates if rate * 2 <= slowest.get(work.name, rate * 2))
        rate = rates.setdefault(work.name, next(kept, plan.rates[-1]))
        yield from _measure_latencies(_doing(work, contestants), work, plan, rate)
    for work in suite.alone:
        yield from _measure_alone(_doing(work, contestants), work, plan)
    for each in contestants:
        yield "loaded", each.peer.name, float(each.server.resident_bytes()), False


def _doing(work: Work, contestants: Sequence[_Contestant]) -> list[_Contestant]:
    return [each for each in contestants if work.name in each.peer.works]


@dataclass(slots=True)
class _Tally:
    """What the slices of one cell add up to; times in seconds."""

    answers: int = 0
    busy: float = 0.0
    passed: float = 0.0


def _measure_rates(contestants: Sequence[_Contestant], work: Work, plan: Plan) -> Iterator[_Cell]:
    tallies = {each.peer.name: _Tally() for each in contestants}
    for each in contestants:
        _run_closed(each, work, plan.warm_up)
    for _, each in product(range(plan.slices), contestants):
        tally = tallies[each.peer.name]
        before, started = each.server.cpu_seconds(), time.perf_counter()
        run = _run_closed(each, work, plan.seconds / plan.slices)
        tally.busy += each.server.cpu_seconds() - before
        tally.passed += time.perf_counter() - started
        tally.answers += len(run.latencies)
    for name, tally in tallies.items():
        yield f"{work.name}.rate", name, tally.answers / tally.passed, tally.busy < _SATURATED * tally.passed
        yield f"{work.name}.cpu", name, tally.busy / tally.answers, False


def _measure_latencies(contestants: Sequence[_Contestant], work: Work, plan: Plan, rate: float) -> Iterator[_Cell]:
    latencies: dict[str, list[float]] = {each.peer.name: [] for each in contestants}
    commits: list[float] = []
    for _, each in product(range(plan.slices), contestants):
        with _no_collection():
            run = open_loop(
                each.server.address,
                work.requests(),
                rate=rate,
                connections=_OPEN_CONNECTIONS,
                seconds=max(plan.open_seconds / plan.slices, _LEAST_REQUESTS / rate),
            )
        _check(each, work, run)
        latencies[each.peer.name] += run.latencies
        if each.peer.commits:
            commits += commit_seconds(each.peer.commits, each.server.folder)
    for each in contestants:
        name, found = each.peer.name, sorted(latencies[each.peer.name])
        yield f"{work.name}.offered", name, rate, False
        yield f"{work.name}.p50", name, found[len(found) // 2], False
        yield f"{work.name}.p99", name, found[int(len(found) * 0.99)], False
        if each.peer.commits:
            yield f"{work.name}.disk", name, median(commits), False


def _measure_alone(contestants: Sequence[_Contestant], work: Work, plan: Plan) -> Iterator[_Cell]:
    """One connection, which asks again when it is answered: nothing waits for anything else."""
    latencies: dict[str, list[float]] = {each.peer.name: [] for each in contestants}
    for _, each in product(range(plan.slices), contestants):
        run = _run_closed(each, work, plan.open_seconds / plan.slices, connections=1)
        latencies[each.peer.name] += run.latencies
    for name, found in latencies.items():
        yield f"{work.name}.alone", name, median(found), False


def _run_closed(each: _Contestant, work: Work, seconds: float, *, connections: int | None = None) -> Run:
    with _no_collection():
        run = closed_loop(
            each.server.address, work.requests(), connections=connections or work.connections, seconds=seconds
        )
    _check(each, work, run)
    return run


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _check(each: _Contestant, work: Work, run: Run) -> None:
    if run.failed or run.last is None:
        raise WrongAnswer(f"{each.peer.name}, {work.title}: {run.failed} of {run.failed + len(run.latencies)} failed")
    try:
        each.checks[work.name](run.last)
    except WrongAnswer as wrong:
        raise WrongAnswer(f"{each.peer.name}, {work.title}: {wrong}") from wrong
