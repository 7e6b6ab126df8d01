"""`python -m tests.security.fuzz TARGET CORPUS [libFuzzer option…]`: fuzz one target, led by coverage, in this process."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris
import structlog


def main() -> None:
    """Run until the time is over; libFuzzer ends the process, with a code that is not zero when a promise was broken."""
    name, corpus, *options = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with atheris.instrument_imports(include=["hookpoint"]):
        from tests.security.fuzz.targets import TARGETS
    target = TARGETS[name]
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *options, corpus], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
