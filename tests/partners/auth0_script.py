"""The fixture of Auth0's clients for Node.js, for those who use `NodeClient`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.partners.running_script import RunningScript, run_answering

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "clients/auth0.mjs"


@pytest.fixture(scope="session")
def auth0_script() -> Iterator[RunningScript]:
    """Auth0's clients for Node.js, waiting for what they shall do."""
    with run_answering(SCRIPT) as script:
        yield script
