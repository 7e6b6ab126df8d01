from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hookpoint.providers.loading import BUILT_IN, provider_type
from hookpoint.providers.testing import CONTRACT, Case
from tests.providers.recorder import Recorder
from tests.providers.vendor_cases import VENDORS

Check = Callable[[Case], Awaitable[None]]
HERE = {"console", "file", "memory"}
ELSEWHERE = {"smpp", "apprise"}  # they have their own servers: see their own modules

every_check = pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)


def test_every_provider_is_under_contract() -> None:
    assert set(BUILT_IN) == set(VENDORS) | HERE | ELSEWHERE


@every_check
@pytest.mark.parametrize("kind", VENDORS)
async def test_providers_over_http_keep_the_contract(kind: str, check: Check, recorder: Recorder) -> None:
    await check(VENDORS[kind].case(recorder))


@every_check
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.logs_secrets] if kind == "console" else []) for kind in sorted(HERE)]
)
async def test_providers_without_network_keep_the_contract(kind: str, check: Check, tmp_path: Path) -> None:
    settings = {"path": str(tmp_path / "inbox.jsonl")} if kind == "file" else {}
    await check(Case(type=provider_type(kind), settings=settings))
