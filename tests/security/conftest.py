"""One product for all attacks of a file: nothing that a client or a server does may change how it treats the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.stage import Stage, run_stage


@pytest.fixture(scope="module")
def module_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """hookpoint in front of a server that keeps every byte; checked for crashes at the end."""
    with run_stage(tmp_path_factory.mktemp("attacked")) as stage:
        yield stage
    assert [line for line in stage.product.lines if "Traceback" in line] == []


@pytest.fixture
def stage(module_stage: Stage) -> Stage:
    """The same, with an upstream that behaves and has heard nothing yet."""
    module_stage.upstream.forget()
    return module_stage
