"""The Containerfile, read as far as it can be without building it: a user without rights, nothing unpinned, nothing that is secret."""

from __future__ import annotations

import json
import re
import shlex

from tests.security.catalogue import PROJECT

LINES = re.sub(r"\\\n", " ", (PROJECT / "Containerfile").read_text())
STEPS = [
    (name, rest) for name, _, rest in (line.partition(" ") for line in LINES.splitlines() if line and line[0] != "#")
]
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def steps(name: str) -> list[str]:
    return [rest.strip() for each, rest in STEPS if each == name]


def last_stage() -> list[tuple[str, str]]:
    return STEPS[max(at for at, (name, _) in enumerate(STEPS) if name == "FROM") :]


def test_every_instruction_is_one() -> None:
    assert {name for name, _ in STEPS} <= KNOWN
    assert len(steps("FROM")) == 2


def test_images_are_named_whole_and_with_a_version() -> None:
    for image in steps("FROM"):
        assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim( AS \w+)?", image), image


def test_it_runs_as_a_user_without_rights() -> None:
    kinds = [name for name, _ in last_stage()]
    assert steps("USER") == ["10001:10001"]
    assert kinds.index("USER") > max(at for at, kind in enumerate(kinds) if kind in ("RUN", "COPY"))
    assert "--shell /usr/sbin/nologin" in " ".join(steps("RUN"))


def test_what_starts_needs_no_shell_and_writes_to_one_folder() -> None:
    for command in (*steps("ENTRYPOINT"), *steps("CMD")):
        assert all(isinstance(word, str) for word in json.loads(command))
    assert json.loads(steps("VOLUME")[0]) == ["/var/lib/hookpoint"]
    assert "PYTHONDONTWRITEBYTECODE=1" in shlex.split(steps("ENV")[0])


def test_only_what_is_needed_gets_in() -> None:
    ignored = (PROJECT / ".containerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for allowed in (line[1:] for line in ignored if line.startswith("!")):
        assert (PROJECT / allowed).exists(), allowed
    copied = [rest.split()[-2] for rest in steps("COPY") if "--from" not in rest]
    assert copied == ["."]
    assert "secret" not in LINES.lower()
