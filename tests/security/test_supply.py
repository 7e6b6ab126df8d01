"""What hookpoint is made of is known, is written down, and is held against what is known to be vulnerable."""

from __future__ import annotations

import json
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.security.catalogue import PROJECT
from tests.security.supply.__main__ import judge
from tests.security.supply.bill import bill_of_materials
from tests.security.supply.closure import installed_closure


def test_the_closure_holds_what_is_needed_and_nothing_for_tests() -> None:
    names = {package.name for package in installed_closure()}
    needed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {Requirement(each).name for each in needed} <= names
    assert {"hookpoint", "anyio", "greenlet"} <= names
    assert not names & {"pytest", "hypothesis", "mypy", "ruff", "django", "bandit"}


def test_the_bill_lists_every_package_with_version_and_needs() -> None:
    closure = installed_closure()
    bill = json.loads(bill_of_materials(closure))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "hookpoint"
    listed = {(each["name"], each["version"]) for each in bill["components"]}
    assert listed == {(each.name, each.version) for each in closure if each.name != "hookpoint"}
    assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"])
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert any(each.startswith("pkg:pypi/starlette@") for each in needs[bill["metadata"]["component"]["bom-ref"]])


@pytest.mark.parametrize(
    ("report", "code", "said"),
    [
        ({"name": "a", "version": "1", "vulns": []}, 0, "1 of 1 packages looked up, 0 vulnerable"),
        ({"name": "a", "skip_reason": "not found"}, 0, "0 of 1 packages looked up, 0 vulnerable"),
        (
            {"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]},
            1,
            "a 1: X-1, repaired in 2",
        ),
    ],
)
def test_an_audit_fails_for_what_is_known_alone(
    report: dict[str, object], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(json.dumps({"dependencies": [report]}), "") == code
    assert said in capsys.readouterr().out


def test_an_audit_that_reaches_nobody_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge("", "ERROR: no route to host\n") == 0
    assert capsys.readouterr().out == "audit: not done: ERROR: no route to host\n"
