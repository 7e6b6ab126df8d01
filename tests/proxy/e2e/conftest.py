"""The servers that several files here share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.partners.fixtures import openid_client_script
from tests.partners.mock_server import run_mock_server
from tests.proxy.e2e.hooks import HOOKS
from tests.proxy.e2e.mock_stage import MockStage
from tests.proxy.e2e.product import free_port, run_hookpoint
from tests.proxy.stores import create_database

__all__ = ["mock_stage", "module_store_url", "openid_client_script"]


@pytest.fixture(scope="session")
def mock_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockStage]:
    """hookpoint in front of a server that misbehaves on demand, with little patience."""
    port = free_port()
    with run_mock_server(f"http://127.0.0.1:{port}") as partner:
        name, value = partner.secret
        configuration = f"""
        [upstream]
        url = "{partner.url}"
        secret_header = {{ name = "{name}", value = "{value}" }}

        [limits]
        hooks_timeout = 0.5
        hook_timeout = 0.5
        token_timeout = 1.0

        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(tmp_path_factory.mktemp("mock"), configuration, hooks=HOOKS, port=port) as product:
            yield MockStage(product=product, partner=partner)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty store, of each engine in turn, for all tests of a module."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store') / 'hookpoint.db'}"
        return
    with create_database(request.getfixturevalue("postgresql_server")) as url:
        yield url
