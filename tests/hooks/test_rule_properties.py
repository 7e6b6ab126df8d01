"""Laws that the changes to a token obey, whatever hooks answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from hookpoint.hooks import (
    FROZEN_CLAIMS,
    Client,
    CredentialsExchange,
    InvalidResult,
    TokenChanges,
    UserChanges,
    credentials_exchange,
    pre_user_registration,
)
from hookpoint.hooks.rules import GUARDED_CLAIMS, TokenRules, UserRules
from hookpoint.hooks.testing import sample_event

GRANTABLE = frozenset("wx")
RULES = TokenRules(grantable_scopes={"m2m": GRANTABLE})
PROTECTED = FROZEN_CLAIMS | GUARDED_CLAIMS.keys()
OWN_NAMES = st.sampled_from(["plan", "level", "https://example.com/x"])
ANY_NAMES = OWN_NAMES | st.sampled_from(sorted(PROTECTED))
VALUES = st.integers() | st.text(max_size=3) | st.none() | st.lists(st.integers(), max_size=2)
SCOPES = st.frozensets(st.sampled_from("abcwxyz"), max_size=5)
CLAIMS = st.dictionaries(OWN_NAMES, VALUES, max_size=3)
METADATA = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def changes(names: st.SearchStrategy[str]) -> st.SearchStrategy[TokenChanges]:
    return st.builds(
        TokenChanges,
        claims=st.dictionaries(names, VALUES, max_size=3),
        remove_claims=st.frozensets(names, max_size=2),
        scope=st.none() | SCOPES,
        expires_in=st.none() | st.integers(-5, 9000),
    )


EVENTS = st.builds(
    lambda claims, scope, shape: sample_event(
        credentials_exchange,
        client=Client(id="m2m"),
        scope=scope,
        claims={
            **{name: f"issuer's {name}" for name in sorted(PROTECTED)},
            **claims,
            "scope": " ".join(sorted(scope)) if shape else sorted(scope),
        },
    ),
    CLAIMS,
    SCOPES,
    st.booleans(),
)
USER_CHANGES = st.builds(UserChanges, user_metadata=METADATA, app_metadata=METADATA)


def checked(answers: list[TokenChanges], event: CredentialsExchange) -> list[TokenChanges]:
    """The answers that pass the rules, each judged by the event as the hooks before it left it."""
    passed = []
    for answer in answers:
        try:
            passed.append(RULES.check("h", event, answer))
        except InvalidResult:
            continue
        event = RULES.apply(event, passed[-1])
    return passed


def comparable(event: CredentialsExchange) -> tuple[Any, ...]:
    """An event without the order of scopes in a claim, which says nothing."""
    claims: dict[str, Any] = dict(event.claims)
    scopes = [claims.pop(name, "") for name in ("scope", "scp")]
    return claims, event.scope, *(frozenset(each.split() if isinstance(each, str) else each) for each in scopes)


@given(EVENTS, st.lists(changes(OWN_NAMES), min_size=1, max_size=4))
@example(
    sample_event(credentials_exchange, client=Client(id="m2m"), claims={"scp": ["a"]}, scope=frozenset("a")),
    [TokenChanges(scope=frozenset()), TokenChanges(scope=frozenset("w"))],
)
def test_changes_merged_do_what_they_do_one_after_the_other(
    event: CredentialsExchange, answers: list[TokenChanges]
) -> None:
    in_turn, merged = event, TokenChanges()
    for answer in checked(answers, event):
        in_turn, merged = RULES.apply(in_turn, answer), RULES.merge(merged, answer)
    assert comparable(RULES.apply(event, merged)) == comparable(in_turn)
    assert frozenset(merged.claims).isdisjoint(merged.remove_claims)


@given(EVENTS, st.lists(changes(OWN_NAMES), min_size=3, max_size=3))
def test_merging_is_associative(event: CredentialsExchange, answers: list[TokenChanges]) -> None:
    passed = checked(answers, event)
    if len(passed) == 3:
        first, second, third = passed
        left = RULES.merge(RULES.merge(first, second), third)
        right = RULES.merge(first, RULES.merge(second, third))
        assert left == right


@given(EVENTS, changes(OWN_NAMES))
def test_no_changes_change_nothing(event: CredentialsExchange, answer: TokenChanges) -> None:
    for one in checked([answer], event):
        assert RULES.merge(one, TokenChanges()) == RULES.merge(TokenChanges(), one) == one
    assert RULES.apply(event, TokenChanges()) == event


@given(EVENTS, st.lists(changes(ANY_NAMES), max_size=4))
def test_claims_of_the_issuer_stay_whatever_hooks_answer(
    event: CredentialsExchange, answers: list[TokenChanges]
) -> None:
    after = event
    for answer in checked(answers, event):
        after = RULES.apply(after, answer)
    kept = PROTECTED - {"scope", "scp"}
    assert {name: after.claims[name] for name in kept} == {name: event.claims[name] for name in kept}


@given(EVENTS, st.lists(changes(ANY_NAMES), max_size=4))
def test_scope_never_grows_by_what_may_not_be_granted(event: CredentialsExchange, answers: list[TokenChanges]) -> None:
    after, merged = event, TokenChanges()
    for answer in checked(answers, event):
        after, merged = RULES.apply(after, answer), RULES.merge(merged, answer)
    assert after.scope <= event.scope | GRANTABLE
    assert comparable(after)[2] == after.scope
    assert merged.scope is None or frozenset(merged.scope) == after.scope


@given(st.lists(changes(OWN_NAMES), max_size=4))
def test_life_only_becomes_shorter(answers: list[TokenChanges]) -> None:
    event = sample_event(credentials_exchange, client=Client(id="m2m"))
    merged, shortest = TokenChanges(), None
    for answer in checked(answers, event):
        merged = RULES.merge(merged, answer)
        if answer.expires_in is not None:
            shortest = min(answer.expires_in, shortest or answer.expires_in)
        assert merged.expires_in == shortest


@given(METADATA, st.lists(USER_CHANGES, min_size=3, max_size=3))
def test_metadata_merges_as_it_is_applied(before: dict[str, Any], answers: list[UserChanges]) -> None:
    rules = UserRules()
    event = sample_event(pre_user_registration)
    event = replace(event, user=replace(event.user, user_metadata=before, app_metadata=before))
    first, second, third = (rules.check("h", event, answer) for answer in answers)
    merged = rules.merge(rules.merge(first, second), third)
    assert merged == rules.merge(first, rules.merge(second, third))
    in_turn = rules.apply(rules.apply(rules.apply(event, first), second), third)
    assert rules.apply(event, merged) == in_turn
