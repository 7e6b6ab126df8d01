"""No attack of the catalogue is open: each has tests that exist, or a reason, and the page says what came of them."""

from __future__ import annotations

import pytest

from tests.security.catalogue import TESTS, Case, problems, read_cases
from tests.security.page import KINDS, PAGE, held, read_figures, read_results, render


def collected(session: pytest.Session) -> set[str]:
    """All tests of the session, when it is of whole files and leaves none out."""
    option = session.config.option
    if (
        option.keyword
        or option.markexpr
        or option.deselect
        or any("::" in argument for argument in session.config.args)
    ):
        return set()
    return {item.nodeid for item in session.items}


def test_every_case_has_tests_that_exist_or_a_reason(request: pytest.FixtureRequest) -> None:
    assert problems(read_cases(), collected(request.session)) == []


def test_the_catalogue_is_whole() -> None:
    ids = [case.id for case in read_cases()]
    assert {each[0] for each in ids} == set(KINDS)
    for number in range(1, 31):
        assert [each for each in ids if each.split("-")[0] == f"T{number}"], f"T{number}"
    assert [each for each in ids if each.startswith("A")] == [f"A{number}" for number in range(1, 53)]


def test_the_page_shows_the_catalogue_and_nothing_failed() -> None:
    results = read_results()
    assert PAGE.read_text(encoding="utf-8") == render(read_cases(), results, read_figures()), (
        "run: make attack ARGS=--page"
    )
    assert [case for case, result in results.items() if result not in ("-", "not run") and not held(result)] == []


def test_what_is_wrong_with_a_catalogue_is_found() -> None:
    here = f"tests/{TESTS.joinpath('security', 'test_catalogue.py').relative_to(TESTS)}"
    cases = [
        Case(id="T1", says="none"),
        Case(id="T1", says="both", tests=[f"{here}::test_the_catalogue_is_whole"], reason="none"),
        Case(id="T2", says="no such file", tests=["tests/nowhere.py::test_it"]),
        Case(id="T3", says="no such function", tests=[f"{here}::test_it"]),
        Case(id="T4", says="no such parameter", tests=[f"{here}::test_the_catalogue_is_whole[x]"]),
    ]
    assert [each.partition(":")[0] for each in problems(cases, {f"{here}::test_other"})] == [
        "T1", "T1", "T1", "T2", "T3", "T4",
    ]  # fmt: skip
