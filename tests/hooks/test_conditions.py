"""Conditions: for which events a hook runs."""

from __future__ import annotations

from typing import Any

import pytest

from hookpoint.hooks import (
    Client,
    Connection,
    When,
    credentials_exchange,
    post_change_password,
    pre_user_registration,
)
from hookpoint.hooks.testing import sample_event

TOKEN: dict[str, Any] = {
    "client": Client(id="m2m-reports"),
    "audience": "https://a.example",
    "audiences": ("https://a.example", "https://b.example"),
    "scope": frozenset({"reports:read", "debug"}),
}


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        (When(), True),
        (When(client_id=("m2m-*",)), True),
        (When(client_id=("M2M-*",)), False),
        (When(client_id=("web", "m2m-report?")), True),
        (When(client_id=("m2m-[!r]*",)), False),
        (When(client_id=("m2m",)), False),
        (When(audience=("https://b.example",)), True),
        (When(audience=("https://c.*",)), False),
        (When(scope=("reports:*",)), True),
        (When(scope=("write:*", "debug")), True),
        (When(scope=("write:*",)), False),
        (When(client_id=("m2m-*",), scope=("debug",)), True),
        (When(client_id=("m2m-*",), scope=("write",)), False),
        (When(connection=("*",)), True),
        (When(connection=("db",)), False),
    ],
    ids=str,
)
def test_all_kinds_must_be_met_and_any_glob_of_a_kind(when: When, matches: bool) -> None:
    assert when.matches(sample_event(credentials_exchange, **TOKEN)) is matches


def test_one_audience_is_enough_without_a_list_of_them() -> None:
    event = sample_event(credentials_exchange, audience="https://a.example", audiences=())
    assert When(audience=("https://a.*",)).matches(event)


def test_a_token_without_scope_meets_no_condition_on_scope() -> None:
    assert not When(scope=("*",)).matches(sample_event(credentials_exchange, scope=frozenset()))


@pytest.mark.parametrize("point", [pre_user_registration, post_change_password])
def test_connections_are_matched_by_name(point: Any) -> None:
    event = sample_event(point, connection=Connection(name="db-eu", id="con_1"))
    assert When(connection=("db-*",)).matches(event)
    assert not When(connection=("con_1",)).matches(event)


def test_an_event_without_client_meets_no_condition_on_one() -> None:
    assert not When(client_id=("m2m-*",)).matches(sample_event(pre_user_registration, client=None))
