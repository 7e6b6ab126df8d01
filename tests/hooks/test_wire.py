"""Events as JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.hooks import (
    POINTS,
    Client,
    CredentialsExchange,
    credentials_exchange,
    post_change_password,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)
from hookpoint.hooks.testing import sample_event
from hookpoint.hooks.wire import EventFormatError, event_from_json, event_to_json

POINT_LIST = list(POINTS.values())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(point: Any, **members: object) -> Any:
    return event_from_json(point.event, {**event_to_json(sample_event(point)), **members})


@pytest.mark.parametrize("point", POINT_LIST, ids=lambda point: point.name)
def test_every_event_survives_the_way_to_json_and_back(point: Any) -> None:
    event = sample_event(point)
    text = json.dumps(event_to_json(replace(event, secrets={"KEY": "hunter2"})))
    assert "hunter2" not in text
    assert event_from_json(point.event, json.loads(text)) == event


@given(
    st.dictionaries(st.text(), VALUES, max_size=4),
    st.frozensets(st.text()),
    st.lists(st.text()),
    st.text(),
)
def test_any_event_survives(claims: dict[str, Any], scope: frozenset[str], audiences: list[str], text: str) -> None:
    event = CredentialsExchange(
        client=Client(id=text, metadata=claims), scope=scope, audiences=tuple(audiences), claims=claims
    )
    assert event_from_json(CredentialsExchange, json.loads(json.dumps(event_to_json(event)))) == event


def test_what_is_left_out_has_its_default() -> None:
    assert event_from_json(CredentialsExchange, {"client": {"id": "a"}}) == CredentialsExchange(client=Client(id="a"))
    assert read(pre_user_registration, client=None, password=None).client is None
    assert read(pre_user_registration, client={"id": "a"}).client == Client(id="a")


@pytest.mark.parametrize(
    ("point", "members", "message"),
    [
        (credentials_exchange, {"scop": []}, "event has an unknown member 'scop'; did you mean 'scope'?"),
        (credentials_exchange, {"zzz": []}, "event has an unknown member 'zzz'; known are client, scope, audience"),
        (credentials_exchange, {"secrets": {"A": "b"}}, "event has an unknown member 'secrets'"),
        (credentials_exchange, {"client": {}}, "event.client lacks 'id'."),
        (credentials_exchange, {"client": "a"}, "event.client is a text; it must be an object."),
        (credentials_exchange, {"client": None}, "event.client is null; it must be an object."),
        (credentials_exchange, {"client": {"id": 5}}, "event.client.id is a number; it must be a text."),
        (credentials_exchange, {"client": {"id": "a", "metadat": {}}}, "did you mean 'metadata'?"),
        (credentials_exchange, {"client": {"id": "a", "metadata": []}}, "metadata is an array; it must be an object."),
        (credentials_exchange, {"scope": "a b"}, "event.scope is a text; it must be an array of texts."),
        (credentials_exchange, {"audiences": [1]}, "event.audiences is an array; it must be an array of texts."),
        (credentials_exchange, {"audience": False}, "event.audience is a boolean; it must be a text."),
        (credentials_exchange, {"claims": {"a": float("nan")}}, "event.claims has a number that is not finite"),
        (credentials_exchange, {"claims": 1.5}, "event.claims is a number; it must be an object."),
        (token_issuance, {"is_refresh": 1}, "event.is_refresh is a number; it must be true or false."),
        (pre_user_registration, {"password": 5}, "event.password is a number; it must be a text."),
        (post_change_password, {"changed_at": "yesterday"}, 'is no time; write "2026-01-31T12:00:00+00:00".'),
        (post_change_password, {"changed_at": 5}, "event.changed_at is no time;"),
        (post_change_password, {"changed_at": "2026-01-31T12:00:00"}, "event.changed_at has no time zone;"),
        (send_phone_message, {"kind": "pigeon"}, "event.kind must be one of sms, voice, whatsapp."),
        (send_phone_message, {"kind": ["sms"]}, "event.kind must be one of"),
    ],
    ids=str,
)
def test_what_is_no_event_is_told_with_its_place(point: Any, members: dict[str, object], message: str) -> None:
    with pytest.raises(EventFormatError) as refused:
        read(point, **members)
    assert message in str(refused.value)


def test_an_event_is_an_object_with_its_own_members() -> None:
    with pytest.raises(EventFormatError, match=r"event is an array; it must be an object\."):
        event_from_json(CredentialsExchange, [])
    with pytest.raises(EventFormatError, match=r"event lacks 'client'\."):
        event_from_json(CredentialsExchange, {})
    with pytest.raises(EventFormatError, match=r"event is bytes; it must be an object\."):
        event_from_json(CredentialsExchange, b"{}")
