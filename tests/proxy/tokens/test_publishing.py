from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from joserfc.jwk import OctKey
from structlog.testing import capture_logs

from hookpoint.proxy.tokens.algorithms import ALL
from hookpoint.proxy.tokens.publishing import PRIVATE_MEMBERS, published_jwks
from tests.proxy.tokens.issuer import key_for, public_jwk

OWN = public_jwk(key_for("ES256", 7), kid="own", use="sig", alg="ES256")
UPSTREAM = public_jwk(key_for("RS256"), kid="up", use="sig", x5c=["MIIB"], status="ACTIVE")


def published(*upstream: Mapping[str, object]) -> list[dict[str, object]]:
    keys: list[dict[str, object]] = json.loads(published_jwks([OWN], upstream, "merged"))["keys"]
    return keys


def test_merged_shows_both_and_exclusive_own_keys_only() -> None:
    assert published(UPSTREAM) == [OWN, UPSTREAM]
    assert json.loads(published_jwks([OWN], [UPSTREAM], "exclusive")) == {"keys": [OWN]}


def test_encryption_and_post_quantum_keys_of_the_upstream_stay() -> None:
    encryption = {**UPSTREAM, "kid": "enc", "use": "enc"}
    post_quantum = {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "pq"}
    assert published(encryption, post_quantum) == [OWN, encryption, post_quantum]


@pytest.mark.parametrize("algorithm", sorted(ALL))
def test_T30_a_private_key_of_the_upstream_is_published_without_its_private_members(algorithm: str) -> None:
    key = key_for(algorithm)
    private = {**key.as_dict(private=True), "kid": "leak", "oth": [], "k": "AAAA", "priv": "AAAA"}
    with capture_logs() as logs:
        _, found = published(private)
    assert found == public_jwk(key, kid="leak")
    assert not PRIVATE_MEMBERS & found.keys()
    assert [(log["event"], log["kid"]) for log in logs] == [("upstream_publishes_private_key", "leak")]
    assert str(private["d"]) not in str(logs)


@pytest.mark.parametrize("kty", ["oct", "OCT", "unknown", None, 1, ["RSA"]])
def test_T30_symmetric_keys_and_unknown_types_are_not_published(kty: object) -> None:
    secret = {**OctKey.generate_key(256).as_dict(), "kty": kty, "kid": "secret"}
    with capture_logs() as logs:
        assert published(secret, UPSTREAM) == [OWN, UPSTREAM]
    assert [log["event"] for log in logs] == ["upstream_key_not_published"]
    assert str(secret["k"]) not in str(logs)


@pytest.mark.parametrize("member", sorted(PRIVATE_MEMBERS))
def test_T30_a_private_member_of_an_own_key_stops_publishing(member: str) -> None:
    with pytest.raises(AssertionError, match="private key"):
        published_jwks([{**OWN, member: "AAAA"}], [], "exclusive")
    with pytest.raises(AssertionError, match="private key"):
        published_jwks([{**OWN, "kty": "oct"}], [], "exclusive")


def test_an_upstream_key_with_an_own_kid_is_not_published() -> None:
    assert published({**UPSTREAM, "kid": "own"}) == [OWN]
