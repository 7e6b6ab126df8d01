"""`python -m tests.security.fuzz TARGET SECONDS SEED FOLDER`: fuzz one target in this process.

Led by coverage where atheris is there (it has builds for Linux), by random edits of the seeds elsewhere. FOLDER keeps the corpus from
run to run, and an input that breaks a promise. The exit code says whether one was broken; the last line says how often it was run.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path

import structlog


def main() -> None:
    """Run until the time is over."""
    name, seconds, seed, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if importlib.util.find_spec("atheris") is None:
        from tests.security.fuzz.random_edits import run_for
        from tests.security.fuzz.targets import TARGETS

        print(f"stat::number_of_executed_units: {run_for(TARGETS[name], seconds=seconds, seed=seed)}")
        return
    _by_coverage(name, seconds, seed, folder)


def _by_coverage(name: str, seconds: int, seed: int, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["hookpoint"]):
        from tests.security.fuzz.targets import TARGETS
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(TARGETS[name].seeds):
        (corpus / f"seed-{number}").write_bytes(each)
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        "-print_final_stats=1",
        "-timeout=60",
        "-rss_limit_mb=4096",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/broken-{name}-", str(corpus)], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
