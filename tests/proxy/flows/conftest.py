"""Own tokens, and an application behind the flows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hookpoint.proxy.store import open_store
from hookpoint.proxy.tokens.own_tokens import OwnTokens
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.vault.vault import Vault
from tests.proxy.flows.returning_stage import Application, Clock, OwnStage


@pytest.fixture
async def stage() -> AsyncIterator[OwnStage]:
    clock = Clock()
    store = await open_store("sqlite://")
    keys = SigningKeys(store, clock=clock)
    await keys.prepare()
    vault = Vault(store, clock=clock)
    await vault.prepare()
    yield OwnStage(store=store, keys=keys, vault=vault, tokens=OwnTokens(keys, vault, clock=clock), clock=clock)
    await keys.aclose()
    await store.aclose()


@pytest.fixture
def application() -> Application:
    return Application()
