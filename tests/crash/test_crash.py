"""The crash test in short, on both stores; `make crash` runs it at full length."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hookpoint.hooks.deliveries.register import Entry
from tests.crash.drill import Drill, Ran, run_drill
from tests.crash.promises import broken_promises, figures
from tests.proxy.stores import postgresql_server, postgresql_url

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["postgresql_server", "postgresql_url"]

SIGN_UPS = 30
KILLS = 1
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_no_event_is_lost_when_processes_are_killed(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if engine == "sqlite":
        url, processes = f"sqlite:///{tmp_path / 'store.db'}", 1
    else:
        url, processes = request.getfixturevalue("postgresql_url"), 2
    drill = asyncio.run(run_drill(tmp_path, url, processes=processes, sign_ups=SIGN_UPS, kills=KILLS))
    assert broken_promises(drill) == []
    counted = figures(drill)
    assert (counted["sign-ups"], counted["kills"]) == (SIGN_UPS, KILLS)
    assert counted["… succeeded"] > 0
    assert counted["… refused"] > 0


def _lost(drill: Drill) -> None:
    drill.ran = [each for each in drill.ran if each.id != "e1"]


def _never_signed_up(drill: Drill) -> None:
    del drill.server.users["ada"]


def _out_of_order(drill: Drill) -> None:
    drill.ran.reverse()


def _dropped(drill: Drill) -> None:
    drill.server.users["cut off"] = "u2"


def _stuck(drill: Drill) -> None:
    drill.left.append(
        Entry(
            event_id="e9",
            point="post-user-registration",
            hook="note",
            state="dead",
            attempts=1,
            began=NOW,
            changed=NOW,
            due=None,
            error="raised RuntimeError",
        )
    )


@pytest.mark.parametrize("break_it", [_lost, _never_signed_up, _out_of_order, _dropped, _stuck])
def test_a_broken_promise_is_seen(break_it: Callable[[Drill], None]) -> None:
    drill = Drill(sign_ups={"ada": "succeeded"}, changes={"ada": ["succeeded"]})
    drill.server.users["ada"] = "u1"
    drill.ran = [
        Ran(kind="registered", id="e1", email="ada", at=""),
        Ran(kind="changed", id="e2", email="ada", at="2027-01-01T00:00:00+00:00"),
    ]
    assert broken_promises(drill) == []
    break_it(drill)
    assert len(broken_promises(drill)) >= 1
