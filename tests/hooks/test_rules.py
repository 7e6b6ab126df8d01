"""What hooks may answer at each point, and how answers add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from hookpoint.hooks import (
    FROZEN_CLAIMS,
    ClaimNotWritable,
    Client,
    CredentialsExchange,
    Delivered,
    InvalidResult,
    MessageChanges,
    ScopeNotGrantable,
    TokenChanges,
    UserChanges,
    credentials_exchange,
    default_rules,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)
from hookpoint.hooks.rules import GUARDED_CLAIMS, TokenRules, scope_as
from hookpoint.hooks.testing import sample_event

EVENT: CredentialsExchange = sample_event(
    credentials_exchange, client=Client(id="m2m-a"), scope=frozenset("ab"), claims={"scope": "b a", "sub": "m2m-a"}
)
RULES = TokenRules(grantable_scopes={"m2m-*": ["c"], "*-a": ["d"], "other": ["e"]})
ISSUANCE = sample_event(token_issuance, client=Client(id="m2m-a"), scope=frozenset("ab"))


class Disguised(str):
    """A name that is found in no set."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 1


class Wavering(Collection[str]):
    """Scopes that are others each time they are read."""

    def __init__(self, *readings: list[str]) -> None:
        self.readings = list(readings)

    def __contains__(self, value: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.readings.pop(0))

    def __len__(self) -> int:
        return 1


class WaveringChanges(TokenChanges):
    """Changes whose scope is another at each look."""

    def __getattribute__(self, name: str) -> Any:
        if name == "scope":
            looks.append(name)
            return {"a"} if len(looks) == 1 else {"admin"}
        return super().__getattribute__(name)


looks: list[str] = []


def check(changes: TokenChanges, event: Any = EVENT) -> TokenChanges:
    return RULES.check("h", event, changes)


@pytest.mark.parametrize("claim", sorted(FROZEN_CLAIMS | GUARDED_CLAIMS.keys()))
@pytest.mark.parametrize("disguise", [str, Disguised])
@pytest.mark.parametrize(
    "make",
    [
        lambda name: TokenChanges(claims={name: "x"}),
        lambda name: TokenChanges(remove_claims=[name]),
        lambda name: TokenChanges(claims={"fine": 1, name: None}, remove_claims={"other"}),
        lambda name: TokenChanges(id_token_claims={name: "x"}),
    ],
    ids=["set", "remove", "among others", "in the ID token"],
)
def test_a_claim_of_the_issuer_is_never_written(
    claim: str, disguise: type[str], make: Callable[[str], TokenChanges]
) -> None:
    with pytest.raises(ClaimNotWritable) as refused:
        check(make(disguise(claim)), ISSUANCE)
    assert f"changed the claim {claim!r}" in refused.value.reason
    assert GUARDED_CLAIMS.get(claim, "use a claim of your own") in refused.value.reason


@pytest.mark.parametrize("name", ["", 5, None, ("iss",), b"iss"])
@pytest.mark.parametrize("member", ["claims", "remove_claims"])
def test_a_claim_is_named_by_a_text(name: Any, member: str) -> None:
    changes: Any = {name: 1} if member == "claims" else [name]
    with pytest.raises(InvalidResult):
        check(TokenChanges(**{member: changes}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"claims": None}, "returned claims of type NoneType; give a mapping"),
        ({"claims": ["a"]}, "returned claims of type list; give a mapping"),
        ({"claims": {"a": math.inf}}, "claims that JSON cannot hold: it has a number that is not finite"),
        ({"claims": {"a": {1}}}, "it has a value of type set"),
        ({"claims": {"\ud800": 1}}, "it has text with a lone surrogate"),
        ({"remove_claims": "plan"}, 'returned remove_claims of type str; give texts, such as {"a", "b"}'),
        ({"remove_claims": None}, "returned remove_claims of type NoneType"),
        ({"remove_claims": iter(["a"])}, "returned remove_claims of type list_iterator"),
        ({"remove_claims": ["\ud800"]}, "returned an item of remove_claims that has text with a lone surrogate"),
        ({"scope": "a b"}, "returned scope of type str; give texts"),
        ({"scope": b"a"}, "returned scope of type bytes; give texts"),
        ({"scope": 5}, "returned scope of type int; give texts"),
        ({"scope": map(str, "ab")}, "returned scope of type map; give texts"),
        ({"scope": ["a", None]}, "returned an item of scope of type NoneType; give text"),
        ({"scope": ["a b"]}, "returned 'a b', which is no scope"),
        ({"scope": [""]}, "returned '', which is no scope"),
        ({"scope": ['a"']}, "which is no scope"),
        ({"scope": ["a\\"]}, "which is no scope"),
        ({"scope": ["ä"]}, "which is no scope"),
        ({"scope": ["a\n"]}, "which is no scope"),
        ({"expires_in": 0}, "returned expires_in=0; give whole seconds above zero"),
        ({"expires_in": -1}, "returned expires_in=-1;"),
        ({"expires_in": 60.0}, "returned expires_in=60.0;"),
        ({"expires_in": True}, "returned expires_in=True;"),
        ({"expires_in": "60"}, "returned expires_in='60';"),
        ({"id_token_claims": {"a": 1}}, "returned id_token_claims, and there is no ID token"),
        ({"id_token_claims": [1]}, "returned id_token_claims of type list; give a mapping"),
    ],
    ids=lambda each: each if isinstance(each, str) else next(iter(each)),
)
def test_changes_to_a_token_are_judged(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidResult) as refused:
        check(TokenChanges(**changes))
    assert reason in refused.value.reason
    assert str(refused.value) == f"hook 'h' {refused.value.reason}"


def test_what_is_allowed_comes_back_as_a_copy() -> None:
    claims: dict[str, Any] = {"https://example.com/plan": {"names": ["gold"]}, "both": 1}
    checked = check(TokenChanges(claims=claims, remove_claims=["x", "both"], scope=["a", "a"], expires_in=60))
    assert checked == TokenChanges(
        claims={"https://example.com/plan": {"names": ("gold",)}, "both": 1},
        remove_claims=frozenset({"x"}),  # what is set is not removed
        scope=frozenset("a"),
        expires_in=60,
    )
    assert check(TokenChanges()) == TokenChanges()
    assert check(TokenChanges(id_token_claims={"a": 1}), ISSUANCE).id_token_claims == {"a": 1}


def test_scopes_are_judged_and_used_in_one_reading() -> None:
    wavering = Wavering(["a"], ["a", "admin"])
    assert check(TokenChanges(scope=wavering)).scope == {"a"}
    looks.clear()
    assert check(WaveringChanges()).scope == {"a"}


@pytest.mark.parametrize(
    ("scope", "fine"), [("", True), ("a", True), ("ab", True), ("abcd", True), ("abe", False), ("admin", False)]
)
def test_scope_may_shrink_and_grow_by_what_the_client_may_be_given(scope: str, fine: bool) -> None:
    if fine:
        assert check(TokenChanges(scope=list(scope))).scope == frozenset(scope)
        return
    with pytest.raises(ScopeNotGrantable, match=r"client 'm2m-a' may not be given; allow it with tokens\.grantable_"):
        check(TokenChanges(scope=list(scope)))


@pytest.mark.parametrize(("granted_before", "fine"), [(frozenset("c"), True), (frozenset("d"), False)])
def test_a_refresh_gives_back_what_hooks_had_added_and_nothing_else(granted_before: frozenset[str], fine: bool) -> None:
    event = replace(ISSUANCE, is_refresh=True, granted_before=granted_before)
    if fine:
        assert check(TokenChanges(scope=["a", "b", "c"]), event).scope == frozenset("abc")
        return
    with pytest.raises(ScopeNotGrantable, match="added the scope 'c' on a refresh, where scope cannot grow"):
        check(TokenChanges(scope=["a", "b", "c"]), event)


@pytest.mark.parametrize(
    ("claims", "scope", "after"),
    [
        ({"scope": "b a"}, "ab", {"scope": "b a"}),
        ({"scope": "b a"}, "ca", {"scope": "a c"}),
        ({"scp": ("b", "a")}, "ca", {"scp": ("a", "c")}),
        ({"scope": "b a", "scp": ("a",)}, "b", {"scope": "b", "scp": ("b",)}),
        ({"scope": "b a"}, "", {"scope": ""}),
        ({"scp": ("a",), "x": 1}, "", {"scp": (), "x": 1}),
        ({"x": 1}, "a", {"x": 1, "scope": "a"}),
        ({"x": 1}, "", {"x": 1}),
        ({}, "a", {}),
        ({"scope": 5}, "a", {"scope": ("a",)}),
    ],
    ids=str,
)
def test_the_next_hook_sees_the_scope_where_the_server_keeps_it(
    claims: dict[str, Any], scope: str, after: dict[str, Any]
) -> None:
    applied = RULES.apply(replace(EVENT, claims=claims), TokenChanges(scope=frozenset(scope)))
    assert applied.claims == after
    assert applied.scope == frozenset(scope)


def test_the_id_token_changes_only_where_there_is_one() -> None:
    changes = TokenChanges(id_token_claims={"plan": "gold"})
    with_one = RULES.apply(replace(ISSUANCE, id_token_claims={"sub": "u"}), changes)
    assert with_one.id_token_claims == {"sub": "u", "plan": "gold"}  # type: ignore[attr-defined]
    without = RULES.apply(replace(ISSUANCE, id_token_claims={}), changes)
    assert without.id_token_claims == {}  # type: ignore[attr-defined]
    merged = RULES.merge(changes, TokenChanges(id_token_claims={"level": 1}))
    assert merged.id_token_claims == {"plan": "gold", "level": 1}


def test_scope_keeps_the_shape_it_had() -> None:
    assert scope_as("b a", "abc") == "b a c"
    assert scope_as(["b", "a"], "abc") == ["b", "a", "c"]
    assert scope_as(None, "ba") == ["a", "b"]


USERS = default_rules()[pre_user_registration]


@pytest.mark.parametrize("kind", ["user_metadata", "app_metadata"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a.b": 1}, "[{!r}]: names may hold no dot".format("a.b")),
        ({"$a": 1}, "start with no dollar sign"),
        ({"": 1}, "names may hold no dot"),
        ({5: 1}, "a name that is not text"),
        ({"a": b""}, "a value of type bytes"),
        ({"a": math.nan}, "not finite"),
        ("plan", "of type str; give a mapping"),
    ],
    ids=str,
)
def test_metadata_is_judged(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(InvalidResult) as refused:
        USERS.check("h", sample_event(pre_user_registration), UserChanges(**{kind: value}))
    assert reason in refused.value.reason
    assert kind in refused.value.reason


def test_metadata_is_laid_over_what_was_there() -> None:
    event = sample_event(pre_user_registration)
    event = replace(event, user=replace(event.user, user_metadata={"a": 1, "b": 1}))
    mine: dict[str, Any] = {"b": 2, "inner": {"dots.are": "fine here"}}
    first = USERS.check("h", event, UserChanges(user_metadata=mine))
    mine["b"] = 3
    event = USERS.apply(event, first)
    assert event.user.user_metadata == {"a": 1, "b": 2, "inner": {"dots.are": "fine here"}}
    merged = USERS.merge(first, UserChanges(user_metadata={"b": 4}, app_metadata={"c": 1}))
    assert merged == UserChanges(user_metadata={"b": 4, "inner": {"dots.are": "fine here"}}, app_metadata={"c": 1})


MESSAGES = default_rules()[send_phone_message]


@pytest.mark.parametrize(
    "result",
    [
        MessageChanges(text=5),  # type: ignore[arg-type]
        MessageChanges(sender=b"x"),  # type: ignore[arg-type]
        MessageChanges(provider=True),  # type: ignore[arg-type]
        MessageChanges(text="\ud800"),
        Delivered(message_id=7),  # type: ignore[arg-type]
        Delivered(message_id=None),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_messages_are_made_of_text(result: MessageChanges | Delivered) -> None:
    with pytest.raises(InvalidResult, match=r"returned (text|sender|provider|message_id)"):
        MESSAGES.check("h", sample_event(send_phone_message), result)


@pytest.mark.parametrize(
    ("earlier", "later", "merged"),
    [
        (MessageChanges(text="a"), MessageChanges(sender="b"), MessageChanges(text="a", sender="b")),
        (MessageChanges(text="a", provider="p"), MessageChanges(text="b"), MessageChanges(text="b", provider="p")),
        (
            MessageChanges(sender="a"),
            MessageChanges(sender="b", provider="q"),
            MessageChanges(sender="b", provider="q"),
        ),
        (MessageChanges(text="a"), Delivered(message_id="1"), Delivered(message_id="1")),
        (Delivered(message_id="1"), MessageChanges(text="a"), Delivered(message_id="1")),
        (Delivered(message_id="1"), Delivered(message_id="2"), Delivered(message_id="1")),
    ],
    ids=str,
)
def test_changes_to_a_message_add_up(earlier: Any, later: Any, merged: Any) -> None:
    event = sample_event(send_phone_message)
    assert MESSAGES.merge(MESSAGES.check("h", event, earlier), MESSAGES.check("h", event, later)) == merged


@pytest.mark.parametrize(
    ("result", "text"),
    [(MessageChanges(text="new"), "new"), (MessageChanges(sender="x"), "old"), (Delivered(), "old")],
    ids=str,
)
def test_the_next_hook_sees_the_new_text(result: Any, text: str) -> None:
    assert MESSAGES.apply(sample_event(send_phone_message, text="old"), result).text == text


def test_every_point_with_results_has_rules() -> None:
    rules: Mapping[Any, Any] = default_rules()
    assert set(rules) == {credentials_exchange, token_issuance, pre_user_registration, send_phone_message}
