"""Events: frozen, fit for logs, and easy to copy."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import pytest

from hookpoint.hooks import (
    POINTS,
    Client,
    CredentialsExchange,
    Deny,
    FrozenDict,
    MessageChanges,
    Request,
    User,
    credentials_exchange,
    post_change_password,
    pre_user_registration,
    send_phone_message,
)
from hookpoint.hooks.testing import sample_event
from hookpoint.hooks.wire import event_to_json

SAMPLES = [sample_event(point) for point in POINTS.values()]


def parts(value: Any) -> list[Any]:
    """An event and all that it is made of."""
    found = [value]
    if dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            found += parts(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for each in value.values():
            found += parts(each)
    elif isinstance(value, (tuple, frozenset)):
        for each in value:
            found += parts(each)
    return found


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_nothing_in_an_event_can_be_changed(event: Any) -> None:
    for part in parts(event):
        assert not isinstance(part, (list, set, bytearray))
        assert not isinstance(part, dict) or type(part) is FrozenDict
        if dataclasses.is_dataclass(part):
            for each in dataclasses.fields(part):
                with pytest.raises(dataclasses.FrozenInstanceError):
                    setattr(part, each.name, None)
            with pytest.raises((AttributeError, TypeError)):
                object.__setattr__(part, "anything_else", 1)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, dataclasses.replace, lambda event: pickle.loads(pickle.dumps(event))],
    ids=["copy", "deepcopy", "replace", "pickle"],
)
def test_an_event_can_be_copied(event: Any, duplicate: Callable[[Any], Any]) -> None:
    twin = duplicate(event)
    assert twin == event
    assert type(twin) is type(event)
    assert [type(part) for part in parts(twin)] == [type(part) for part in parts(event)]
    assert json.dumps(event_to_json(twin)) == json.dumps(event_to_json(event))


def test_what_an_author_hands_in_is_frozen_too() -> None:
    inner: dict[str, Any] = {"roles": ["admin"], "address": {"city": "Oslo"}}
    client = Client(id="a", metadata=FrozenDict(inner))
    event = CredentialsExchange(
        client=client, claims=inner, parameters={"a": [1]}, request=Request(geo={"country": "NO"})
    )
    inner["roles"].append("more")
    assert client.metadata == event.claims == {"roles": ("admin",), "address": {"city": "Oslo"}}
    assert type(event.claims["address"]) is FrozenDict
    assert json.dumps(event.claims) == '{"roles": ["admin"], "address": {"city": "Oslo"}}'
    with pytest.raises(TypeError, match="events are read-only"):
        event.claims["iss"] = "evil"  # type: ignore[index]


def test_secrets_passwords_and_codes_stay_out_of_logs() -> None:
    secrets = {"API_KEY": "hunter2"}
    shown = [
        sample_event(credentials_exchange, secrets=secrets),
        sample_event(pre_user_registration, secrets=secrets, password="hunter2"),
        sample_event(post_change_password, secrets=secrets),
        sample_event(send_phone_message, secrets=secrets, code="hunter2", text="Your code is hunter2"),
        MessageChanges(text="Your code is hunter2"),
    ]
    assert all("hunter2" not in f"{each!r} {each} {each:}" for each in shown)


def test_no_event_has_a_place_for_credentials_but_the_one_that_is_asked_for() -> None:
    names = {
        (point.name, each.name)
        for point in POINTS.values()
        for each in dataclasses.fields(point.event)
        if any(word in each.name for word in ("password", "secret", "token", "assertion"))
    }
    assert {name for name in names if name[1] not in ("secrets", "id_token_claims")} == {
        ("pre-user-registration", "password")
    }
    assert all(get_type_hints(point.event) for point in POINTS.values())


def test_a_user_is_unknown_until_told() -> None:
    assert User() == User(id="", user_metadata={}, app_metadata={})


def test_a_denial_can_be_pickled_and_reads_well() -> None:
    twin = pickle.loads(pickle.dumps(Deny("access_denied", "suspended", "Call us.")))
    assert (twin.code, twin.reason, twin.user_message) == ("access_denied", "suspended", "Call us.")
    assert str(twin) == "access_denied: suspended"
