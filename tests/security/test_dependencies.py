"""The lower bounds of what hookpoint needs stand above what was broken in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
NEEDED = {each.name: each for each in map(Requirement, PROJECT["dependencies"])}
# The first version in which all advisories that the catalogue names are repaired.
REPAIRED = {"authlib": "1.6.9", "joserfc": "1.7.4", "starlette": "1.3.1", "cryptography": "46.0.5", "uvicorn": "0.11.7"}
# Other packages whose advisories the catalogue names: not part of hookpoint, so that they cannot come back unseen.
ABSENT = ["python-multipart", "python-jose", "pyjwt", "aiohttp", "h2", "hypercorn", "granian", "httpx"]


@pytest.mark.parametrize("name", REPAIRED)
def test_lower_bounds_are_above_what_was_broken(name: str) -> None:
    (bound,) = [each for each in NEEDED[name].specifier if each.operator == ">="]
    assert Version(bound.version) >= Version(REPAIRED[name])


def test_what_is_not_used_is_not_needed() -> None:
    assert not set(ABSENT) & set(NEEDED)
