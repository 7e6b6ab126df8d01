"""Reads the configuration: file, environment, defaults; reports all problems at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from hookpoint.proxy.config.consistency import find_conflicts, needs_upstream
from hookpoint.proxy.config.document import Document, read_document
from hookpoint.proxy.config.environment import read_overrides
from hookpoint.proxy.config.explain import Explainer
from hookpoint.proxy.config.problems import ConfigurationError
from hookpoint.proxy.config.section import Surroundings
from hookpoint.proxy.config.settings import Settings
from hookpoint.proxy.config.trial import Trial, overlap


def load(path: Path | str | None = None, environ: Mapping[str, str] | None = None, *, proxy: bool = False) -> Settings:
    """Return the configuration of a TOML file (or of none) with HOOKPOINT_ variables over it.

    `environ` is the process's environment unless given; with `proxy`, what only a reverse proxy needs is demanded too.
    Raises ConfigurationError with every problem found.
    """
    environ = os.environ if environ is None else environ
    document = Document() if path is None else read_document(Path(path))
    return _settings(document, environ, Path.cwd() if path is None else Path(path).absolute().parent, proxy=proxy)


def validate(
    values: Mapping[str, Any],
    *,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
    proxy: bool = False,
) -> Settings:
    """Return the configuration that a mapping describes, as a file would; raises ConfigurationError like `load`."""
    environ = os.environ if environ is None else environ
    return _settings(Document(values=values), environ, directory or Path.cwd(), proxy=proxy)


def _settings(document: Document, environ: Mapping[str, str], directory: Path, *, proxy: bool) -> Settings:
    referenced = frozenset(_variables_named_in([document.values, list(environ.values())]))
    overrides = read_overrides(environ, referenced=referenced)
    values = _merged(document.values, overrides.values)
    trial = Trial(values, Surroundings(directory=directory, environ=environ))
    settings, errors = trial.run()
    explainer = Explainer(document, overrides, values)
    problems = [*overrides.problems, *map(explainer.validation_problem, errors)]
    for conflict in chain(find_conflicts(settings), needs_upstream(settings) if proxy else ()):
        location = trial.original(conflict.location)
        if not any(overlap(location, error["loc"]) for error in errors):
            problems.append(explainer.problem(location, conflict.reason, conflict.remedy))
    if problems:
        raise ConfigurationError(problems)
    return settings


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(under, value)
        else:
            merged[name] = value
    return merged


def _variables_named_in(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        yield from chain.from_iterable(map(_variables_named_in, value))
    elif isinstance(value, str) and value.startswith("env:"):
        yield value.removeprefix("env:")
