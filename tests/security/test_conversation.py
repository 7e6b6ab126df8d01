"""Random conversations between clients, hookpoint and its server keep its promises."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.security.conversation import Conversation
from tests.security.stage import Stage, run_stage

pytestmark = pytest.mark.slow

STEPS_OF_ONE = 40
# How many steps, and from which seed: `make attack` sets them.
STEPS = int(os.environ.get("ATTACK_STEPS", "240"))
SEED = int(os.environ.get("ATTACK_SEED", "1"))


@pytest.fixture(scope="module")
def module_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A patient hookpoint: what it gives up on a busy machine has been handled without a hook, and is no broken promise."""
    with run_stage(tmp_path_factory.mktemp("conversed"), patience=60.0) as stage:
        yield stage
    assert [line for line in stage.product.lines if "Traceback" in line] == []


def test_H_where_the_handler_ran_the_hook_ran_and_what_was_sent_was_seen(stage: Stage) -> None:
    conversation = seed(SEED)(type("Conversation", (Conversation,), {"stage": stage}))
    run_state_machine_as_test(
        conversation,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_OF_ONE),
            stateful_step_count=STEPS_OF_ONE,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
    assert Conversation.steps["requests"] > STEPS // 2
