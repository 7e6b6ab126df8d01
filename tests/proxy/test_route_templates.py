"""Routes with open segments: matched in one spelling, refused in others, and cheap for what passes."""

from __future__ import annotations

import time
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.proxy.routes import ALIAS, OUT_OF_STEP, PASS, Decision, Matched, Refused, Route, RouteError, RouteTable
from tests.proxy.frameworks.spellings import spell
from tests.proxy.path_mutations import mutated

RESET = Route(kind="password_change", name="reset", path="/realms/{connection}/users/{id}/password")
USER = Route(kind="password_change", name="user", path="/api/users/{id}")
ME = Route(kind="password_change", name="me", path="/api/users/me")
TABLE = RouteTable([RESET, USER, ME])


def decide(raw_path: str, table: RouteTable = TABLE) -> Decision:
    return table.decide(raw_path.encode("ascii"), unquote(raw_path))


@pytest.mark.parametrize(
    ("path", "matched"),
    [
        ("/realms/acme/users/42/password", Matched(RESET, {"connection": "acme", "id": "42"})),
        ("/realms/a%20b/users/auth0%7C42/password", Matched(RESET, {"connection": "a b", "id": "auth0|42"})),
        ("/api/users/f81d4fae-7dec-11d0", Matched(USER, {"id": "f81d4fae-7dec-11d0"})),
        ("/api/users/jo@example.com", Matched(USER, {"id": "jo@example.com"})),
        ("/api/users/JO", Matched(USER, {"id": "JO"})),
        ("/api/users/j%C3%B6", Matched(USER, {"id": "jö"})),
        ("/api/users/me", Matched(ME)),
    ],
)
def test_open_segments_are_read(path: str, matched: Matched) -> None:
    assert decide(path) == matched


@pytest.mark.parametrize(
    "path",
    [
        "/realms/acme/users/42",
        "/realms/acme/users/42/passwords",
        "/realms/acme/users/42/password/history",
        "/realms/acme/users//42/x/password",
        "/api/users",
        "/api/users/42/sessions",
        "/v1/api/users/42",
        "/api/userinfo/42",
        "/api/v2/users-by-email",
    ],
)
def test_other_paths_pass(path: str) -> None:
    assert decide(path) is PASS


@pytest.mark.parametrize(
    "segment",
    [
        "a%2fb", "%2e%2e", "..", ".", "a;b", "a%3bb", "a%5cb", "a%252fb", "a%00", "a%0a", "a%20", "%20a", "a.", "a%2e", "%ff",
        "a%3f", "a%23", "a%25", "a%ef%bc%8fb", "a+", "%c0%af", "me%2e", "ME", "m%65", "me;x", "me.json", "Me", "%ef%bd%8de", "me%c2%ad",
    ],
)  # fmt: skip
def test_P_a_segment_that_could_lead_elsewhere_is_refused(segment: str) -> None:
    assert isinstance(decide(f"/api/users/{segment}"), Refused)


@pytest.mark.parametrize("path", [RESET.path.format(connection="acme", id="42"), "/api/users/42"])
def test_P_other_spellings_of_a_template_are_refused(path: str) -> None:
    route = decide(path)
    for spelling in spell(path):
        decision = TABLE.decide(spelling.raw_path, unquote(spelling.raw_path.decode("latin-1")))
        if isinstance(decision, Matched):  # the same route, with another user or the same
            assert isinstance(route, Matched)
            assert decision.route is route.route, spelling
        elif decision is PASS:
            assert spelling.name in {"query_before", "query_copy", "root_query"}, spelling


@given(data=st.data())
def test_P_mutations_of_a_template_never_pass(data: st.DataObject) -> None:
    raw_path = data.draw(mutated("/realms/acme/users/42/password"))
    assert decide(raw_path) is not PASS


def test_the_decoded_path_must_agree() -> None:
    assert TABLE.decide(b"/api/users/42", "/api/users/43") is OUT_OF_STEP
    assert TABLE.decide(b"/elsewhere", "/api/users/42") is ALIAS


def test_templates_are_found_below_a_mount_with_and_without_the_prefix() -> None:
    table = RouteTable([USER], root_path="/tenant")
    for raw, path in (("/tenant/api/users/1", "/tenant/api/users/1"), ("/tenant/api/users/1", "/api/users/1")):
        assert table.decide(raw.encode(), path) == Matched(USER, {"id": "1"})
    assert table.decide(b"/api/users/1", "/api/users/1") == Matched(USER, {"id": "1"})
    assert table.decide(b"/tenant/API/users/1", "/tenant/API/users/1") is ALIAS


@pytest.mark.parametrize(
    ("paths", "wrong"),
    [
        (["/users/{id}.json"], "braces"),
        (["/users/{Id}"], "braces"),
        (["/{tenant}"], "any path"),
        (["/users/{id}/password", "/users/{name}/password"], "both"),
        (["/{tenant}/users/password", "/acme/{what}/password"], "both"),
    ],
)
def test_templates_that_cannot_be_told_apart_are_refused(paths: list[str], wrong: str) -> None:
    with pytest.raises(RouteError, match=wrong):
        RouteTable([Route(kind="password_change", name=str(at), path=path) for at, path in enumerate(paths)])


def test_passing_paths_cost_little() -> None:
    ordinary = [
        "/api/users",
        "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/roles",
        "/realms/acme/protocol/openid-connect/token",
        "/api/users/42/sessions/43",
    ]
    best = min(_seconds(ordinary) for _ in range(5))
    assert best / len(ordinary) < 5e-3  # far from what a path costs that is taken apart in every order


def _seconds(paths: list[str]) -> float:
    started = time.perf_counter()
    for path in paths:
        assert decide(path) is PASS
    return time.perf_counter() - started
