from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.providers.recorder import Recorder, recording


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    async with recording() as running:
        yield running
