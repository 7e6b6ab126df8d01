"""Random conversations between clients, hookpoint and its server keep its promises."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.security.conversation import Conversation
from tests.security.stage import Stage

STEPS_OF_ONE = 40
# How many steps, and from which seed: `make attack` sets them.
STEPS = int(os.environ.get("ATTACK_STEPS", "240"))
SEED = int(os.environ.get("ATTACK_SEED", "1"))


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
