from __future__ import annotations

from hookpoint.hooks import Client, credentials_exchange, load_hooks
from hookpoint.hooks.testing import sample_event, try_hook, try_hooks
from hookpoint.proxy.demo.hooks import PLAN, add_plan, drop_debug, refuse_suspended


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
    trial = await try_hooks(load_hooks("hookpoint.proxy.demo.hooks"), event)
    assert trial.denial is not None
    assert [run.hook.name for run in trial.runs] == ["refuse_suspended"]
