"""The tools with which users test their hooks."""

from __future__ import annotations

from typing import Any

import pytest

from hookpoint.hooks import (
    Client,
    CredentialsExchange,
    Deny,
    HookCrashed,
    PreUserRegistration,
    TokenChanges,
    TokenIssuance,
    UserChanges,
    credentials_exchange,
    hooks_of_functions,
    post_user_registration,
    pre_user_registration,
    token_issuance,
)
from hookpoint.hooks.testing import sample_event, try_hook, try_hooks

PLAN = "https://example.com/plan"


@credentials_exchange
async def add_plan(event: CredentialsExchange) -> TokenChanges:
    if event.client.metadata.get("suspended"):
        raise Deny("access_denied", "suspended")
    plan = str(event.client.metadata["plan"])
    return TokenChanges(claims={PLAN: plan}, scope=event.scope - {"debug"})


@credentials_exchange(order=1)
def add_level(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"level": f"{event.claims[PLAN]}-{event.secrets.get('SUFFIX', 'none')}"})


def test_a_hook_is_tried_in_one_line() -> None:
    assert try_hook(add_plan, client=Client(id="partner", metadata={"plan": "gold"})).claims[PLAN] == "gold"
    assert try_hook(add_plan, scope=frozenset({"a", "debug"})).scope == {"a"}


def test_an_event_of_ones_own_may_be_given_and_varied() -> None:
    event = sample_event(credentials_exchange, scope=frozenset({"x"}))
    assert try_hook(add_plan, event).event.scope == {"x"}
    assert try_hook(add_plan, event, scope=frozenset({"y"})).scope == {"y"}


def test_secrets_reach_the_hook_that_is_tried() -> None:
    trial = try_hook(add_level, claims={PLAN: "gold"}, secrets={"SUFFIX": "1"})
    assert trial.claims["level"] == "gold-1"
    assert try_hook(add_level, claims={PLAN: "gold"}).claims["level"] == "gold-none"


def test_a_denial_is_kept_and_there_is_no_token() -> None:
    trial = try_hook(add_plan, client=Client(id="a", metadata={"suspended": "yes"}))
    assert trial.denial is not None
    assert trial.denial.code == "access_denied"
    assert (trial.changes, trial.failure) == (None, None)
    assert [run.outcome for run in trial.runs] == ["denied"]
    for look in (lambda: trial.claims, lambda: trial.scope):
        with pytest.raises(Deny, match="suspended"):
            look()


def test_a_failure_is_kept_and_there_is_no_token() -> None:
    trial = try_hook(add_plan, client=Client(id="a"))
    assert trial.failure is not None
    assert (trial.changes, trial.denial) == (None, None)
    assert [(run.outcome, run.error) for run in trial.runs] == [("failed", trial.failure)]
    with pytest.raises(HookCrashed, match="raised KeyError"):
        assert "debug" not in trial.scope


def test_scopes_may_be_granted_for_the_trial() -> None:
    @credentials_exchange
    def grow(event: CredentialsExchange) -> TokenChanges:
        return TokenChanges(scope=event.scope | {"more"})

    assert try_hook(grow).failure is not None
    assert "more" in try_hook(grow, grantable_scopes={"more"}).scope


def test_an_early_hook_is_tried_with_what_the_request_says() -> None:
    @token_issuance(early=True)
    def refuse(event: TokenIssuance) -> None:
        assert (event.claims, event.id_token_claims) == ({}, {})
        raise Deny("access_denied", event.grant_type)

    @credentials_exchange(early=True)
    def look(event: CredentialsExchange) -> None:
        assert event.claims == {}

    assert str(try_hook(refuse).denial) == "access_denied: authorization_code"
    trial = try_hook(look)
    assert [run.outcome for run in trial.runs] == ["unchanged"]
    assert trial.claims["sub"] == "reporting"


def test_a_hook_of_several_points_is_tried_at_that_of_the_event() -> None:
    @token_issuance
    @credentials_exchange
    def name_it(event: CredentialsExchange) -> TokenChanges:
        return TokenChanges(claims={"seen": type(event).__name__})

    assert try_hook(name_it).claims["seen"] == "CredentialsExchange"
    assert try_hook(name_it, sample_event(token_issuance)).claims["seen"] == "TokenIssuance"


async def test_hooks_are_tried_together_in_their_order() -> None:
    hooks = hooks_of_functions([add_level, add_plan])
    trial = await try_hooks(hooks, sample_event(credentials_exchange))
    assert [run.hook.name for run in trial.runs] == ["add_plan", "add_level"]
    assert trial.changes.claims == {PLAN: "gold", "level": "gold-none"}


@pytest.mark.parametrize(
    ("functions", "event", "names"),
    [
        ([], sample_event(credentials_exchange), "none"),
        ([add_plan], sample_event(pre_user_registration), "credentials-exchange"),
        ([add_plan, token_issuance(lambda event: None)], sample_event(token_issuance), "credentials-exchange, token-i"),
    ],
    ids=["no hook", "event of another point", "hooks of two points"],
)
async def test_hooks_and_event_must_belong_together(functions: list[Any], event: Any, names: str) -> None:
    with pytest.raises(ValueError, match=f"needs hooks of its own point; these are hooks of: {names}"):
        await try_hooks(hooks_of_functions(functions), event)


def test_an_event_of_another_point_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(ValueError, match="needs hooks of its own point"):
        try_hook(add_plan, sample_event(post_user_registration))


def test_other_points_can_be_tried_as_well() -> None:
    @pre_user_registration(needs_password=True)
    def weak(event: PreUserRegistration) -> UserChanges:
        return UserChanges(app_metadata={"weak": event.password == "123456"})

    assert try_hook(weak, password="123456").changes.app_metadata == {"weak": True}
