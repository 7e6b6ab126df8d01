from __future__ import annotations

from pathlib import Path

from hookpoint.hooks import Client, MessageChanges, User, UserChanges, credentials_exchange, load_hooks
from hookpoint.hooks.testing import sample_event, try_hook, try_hooks
from hookpoint.proxy.demo.hooks import (
    PLAN,
    add_plan,
    drop_debug,
    refuse_suspended,
    refuse_throwaway,
    sign_text,
    start_trial,
    warn,
    welcome,
)


def test_the_plan_of_the_metadata_becomes_a_claim() -> None:
    assert try_hook(add_plan, client=Client(id="partner", metadata={"plan": "gold"})).claims[PLAN] == "gold"


def test_a_client_without_a_plan_gets_no_claim() -> None:
    assert PLAN not in try_hook(add_plan, client=Client(id="partner")).claims


def test_debug_is_dropped_and_the_rest_stays() -> None:
    assert try_hook(drop_debug, scope=frozenset({"debug", "reports:read"})).scope == {"reports:read"}


def test_a_suspended_client_is_refused() -> None:
    denial = try_hook(refuse_suspended, client=Client(id="partner", metadata={"suspended": "yes"})).denial
    assert denial is not None
    assert (denial.code, denial.reason) == ("access_denied", "This client is suspended.")


async def test_a_suspended_client_is_refused_before_the_other_hooks_run() -> None:
    event = sample_event(credentials_exchange, client=Client(id="partner", metadata={"suspended": "yes"}))
    hooks = [hook for hook in load_hooks("hookpoint.proxy.demo.hooks") if hook.point is credentials_exchange]
    trial = await try_hooks(hooks, event)
    assert trial.denial is not None
    assert [run.hook.name for run in trial.runs] == ["refuse_suspended"]


def test_a_throw_away_address_is_refused_and_another_is_not() -> None:
    denial = try_hook(refuse_throwaway, user=User(email="Ann@Mailinator.com")).denial
    assert denial is not None
    assert denial.user_message == "Please use an address that you keep."
    assert try_hook(refuse_throwaway, user=User(email="ann@example.com")).denial is None


def test_everybody_begins_with_a_trial() -> None:
    assert try_hook(start_trial).changes == UserChanges(user_metadata={"plan": "trial"})


def test_what_happens_after_the_answer_is_noted(tmp_path: Path) -> None:
    journal = tmp_path / "journal.txt"
    secrets = {"JOURNAL": str(journal)}
    for hook in (welcome, warn):
        assert try_hook(hook, user=User(email="ann@example.com"), secrets=secrets).failure is None
    assert journal.read_text() == "ann@example.com has signed up\nann@example.com has another password\n"


def test_a_message_says_who_it_is_from() -> None:
    changes = try_hook(sign_text, code="123456").changes
    assert changes == MessageChanges(text="123456 is your code for the Example Shop.")
