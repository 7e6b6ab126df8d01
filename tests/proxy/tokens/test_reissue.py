from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.store import open_store
from hookpoint.proxy.tokens.errors import ClaimFrozen, ScopeInvalid, TokenTooLarge
from hookpoint.proxy.tokens.public_keys import PublicKeySet
from hookpoint.proxy.tokens.reissue import FROZEN, final_claims, final_header, reissue, scope_of
from hookpoint.proxy.tokens.signer import Signer
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.tokens.verification import TokenVerifier, VerifiedToken
from tests.proxy.tokens.issuer import CLAIMS, ISSUER, NOW, forge, key_for, key_set, public_jwk

UPSTREAM = JsonObject.parse(
    b'{"iss":"i", "exp":2000, "rate":1.50, "scope":"a b", "jti":"1", "id":12345678901234567890}'
)


def with_scope(**claims: object) -> JsonObject:
    return JsonObject.parse(json.dumps({"exp": 2000, "jti": "1", **claims}, separators=(",", ":")).encode())


def test_T1_claims_that_do_not_change_keep_their_bytes() -> None:
    assert final_claims(UPSTREAM, set={}) == UPSTREAM.edited({})
    assert final_claims(UPSTREAM, set={"plan": "gold"}, remove=["rate", "absent"], expires_at=1500) == (
        b'{"iss":"i", "exp":1500, "scope":"a b", "jti":"1", "id":12345678901234567890,"plan":"gold"}'
    )


@pytest.mark.parametrize("claim", sorted(FROZEN))
def test_T10_frozen_claims_cannot_change(claim: str) -> None:
    upstream = JsonObject.parse(json.dumps({"jti": "1", claim: "old"}).encode())
    assert final_claims(upstream, set={claim: "old"}) == upstream.edited({})
    changes: list[tuple[dict[str, object], list[str]]] = [({claim: "new"}, []), ({claim: None}, []), ({}, [claim])]
    for to_set, remove in changes:
        with pytest.raises(ClaimFrozen, match=f"'{claim}' must stay") as caught:
            final_claims(upstream, set=to_set, remove=remove)
        assert caught.value.claim == claim
    if claim != "jti":
        with pytest.raises(ClaimFrozen):
            final_claims(JsonObject.parse(b'{"jti":"1"}'), set={claim: "new"})


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), ("1", 1), ([1], [True])])
def test_T10_equal_in_python_is_not_the_same_claim(old: object, new: object) -> None:
    upstream = JsonObject.parse(json.dumps({"jti": "1", "sub": old}).encode())
    with pytest.raises(ClaimFrozen):
        final_claims(upstream, set={"sub": new})


@pytest.mark.parametrize("claim", ["scope", "scp"])
def test_T10_scope_changes_as_scope_only(claim: str) -> None:
    with pytest.raises(ClaimFrozen, match="through the scope only"):
        final_claims(UPSTREAM, set={claim: "admin"})
    with pytest.raises(ClaimFrozen, match="through the scope only"):
        final_claims(with_scope(**{claim: "a"}), set={}, remove=[claim])


def test_T11_exp_comes_earlier_or_stays() -> None:
    assert JsonObject.parse(final_claims(UPSTREAM, set={}, expires_at=1999)).members["exp"] == 1999
    assert final_claims(UPSTREAM, set={}, expires_at=2000) == UPSTREAM.edited({})
    with pytest.raises(ClaimFrozen, match="may only come earlier"):
        final_claims(UPSTREAM, set={}, expires_at=2001)
    with pytest.raises(ClaimFrozen, match="may only come earlier"):
        final_claims(JsonObject.parse(b"{}"), set={}, expires_at=1)
    as_float = JsonObject.parse(b'{"exp":2e3,"jti":"1"}')
    assert final_claims(as_float, set={}, expires_at=2000) == b'{"exp":2e3,"jti":"1"}'


def test_a_rewritten_issuer_stays_at_its_place() -> None:
    payload = final_claims(UPSTREAM, set={}, issuer="https://public.example")
    assert payload == UPSTREAM.edited({"iss": "https://public.example"})
    with pytest.raises(ClaimFrozen):
        final_claims(UPSTREAM, set={"iss": "https://attacker.example"}, issuer="https://public.example")


@pytest.mark.parametrize(
    ("claims", "scope", "expected"),
    [
        ({"scope": "a b"}, ["b"], {"scope": "b"}),
        ({"scope": "a b"}, ["d", "b", "a", "c"], {"scope": "a b c d"}),
        ({"scope": ["a", "b"]}, ["b"], {"scope": ["b"]}),
        ({"scp": ["a", "b"]}, ["c", "a"], {"scp": ["a", "c"]}),
        ({"scp": "a b"}, ["b"], {"scp": "b"}),
        ({"scope": "a", "scp": ["a"]}, ["b"], {"scope": "b", "scp": ["b"]}),
        ({}, ["b", "a"], {"scope": "a b"}),
        ({"scope": "a"}, [], {}),
        ({"scp": ["a"]}, [], {}),
        ({}, [], {}),
        ({"scope": ""}, [], {"scope": ""}),
        ({"scope": "b  a"}, ["a", "b"], {"scope": "b  a"}),
        ({"scp": ["a"]}, None, {"scp": ["a"]}),
    ],
)
def test_T12_scope_keeps_its_shape(
    claims: dict[str, object], scope: list[str] | None, expected: dict[str, object]
) -> None:
    for given_scope in (scope, None if scope is None else frozenset(scope)):
        payload = final_claims(with_scope(**claims), set={}, scope=given_scope)
        assert json.loads(payload) == {"exp": 2000, "jti": "1", **expected}


@pytest.mark.parametrize("value", ["a b", "", "a\nb", 'a"b', "a\\b", "\u00e9", "a\tb"])
def test_T12_a_scope_value_cannot_smuggle_another(value: str) -> None:
    with pytest.raises(ScopeInvalid):
        final_claims(UPSTREAM, set={}, scope={"a", value})


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"scope": "a b a"}, ["a", "b"]),
        ({"scp": ["a", 1, "b"]}, ["a", "b"]),
        ({"scope": 1}, []),
        ({}, []),
        ({"scope": "a", "scp": ["b"]}, ["a", "b"]),
    ],
)
def test_scope_is_read_from_every_shape(claims: dict[str, object], expected: list[str]) -> None:
    assert scope_of(claims) == expected


def test_a_missing_jti_is_made_and_a_present_one_kept() -> None:
    assert final_claims(JsonObject.parse(b'{"a":1}'), set={}, new_jti=lambda: "made") == b'{"a":1,"jti":"made"}'
    assert final_claims(JsonObject.parse(b'{"jti":"7"}'), set={}, new_jti=lambda: "made") == b'{"jti":"7"}'
    one, two = (json.loads(final_claims(JsonObject.parse(b"{}"), set={}))["jti"] for _ in range(2))
    assert one != two


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, object(), "\ud800"])
def test_T21_values_that_are_not_json_are_refused(value: object) -> None:
    with pytest.raises(JsonError):
        final_claims(UPSTREAM, set={"x": value})


names = st.text("abcxyz", min_size=1, max_size=2).map("https://{}".format)


@given(st.dictionaries(names, st.integers()), st.dictionaries(names, st.integers()), st.sets(names))
def test_free_claims_change_as_told(before: dict[str, int], to_set: dict[str, int], remove: set[str]) -> None:
    upstream = JsonObject.parse(json.dumps({**CLAIMS, **before}).encode())
    final = json.loads(final_claims(upstream, set=to_set, remove=remove - to_set.keys()))
    assert final == {
        **CLAIMS,
        **{name: value for name, value in before.items() if name not in remove},
        **to_set,
    }


@pytest.fixture
async def signer() -> AsyncIterator[Signer]:
    store = await open_store("sqlite://")
    keys = SigningKeys(store)
    await keys.prepare(["ES256"])
    yield await keys.signer_for("ES256")
    await keys.aclose()
    await store.aclose()


async def verified(header: dict[str, object]) -> VerifiedToken:
    keys = PublicKeySet.parse(key_set(public_jwk(key_for("ES256"), kid="k")))
    token = forge({"alg": "ES256", "kid": "k", **header}, CLAIMS, key_for("ES256"), "ES256")
    return await TokenVerifier(keys, issuer=ISSUER, clock=lambda: NOW).verify(token)


@pytest.mark.parametrize("typ", [{"typ": "at+jwt"}, {"typ": "application/at+jwt"}, {"typ": "JWT"}, {}])
async def test_T3_a_finished_token_has_our_header_and_the_upstreams_type(signer: Signer, typ: dict[str, str]) -> None:
    upstream = await verified(
        {**typ, "jku": "https://x.example", "jwk": {}, "x5c": ["A"], "x5u": "https://x.example", "x5t": "A", "cty": "x"}
    )
    assert final_header(upstream.header) == typ
    token = await reissue(upstream, final_claims(upstream.payload, set={}), signer)
    header = JsonObject.parse(urlsafe_b64decode(token.split(".")[0] + "=="))
    assert dict(header.members) == {**typ, "alg": "ES256", "kid": signer.kid}


async def test_a_finished_token_has_a_largest_size(signer: Signer) -> None:
    upstream = await verified({})
    fits = final_claims(upstream.payload, set={"x": "a" * 5000})
    assert 5000 < len(await reissue(upstream, fits, signer)) <= 8192
    exact = len(await reissue(upstream, fits, signer))
    assert len(await reissue(upstream, fits, signer, max_bytes=exact)) == exact
    for size, allowed in ((6000, 8192), (9000, 8192), (5000, exact - 1)):
        with pytest.raises(TokenTooLarge) as caught:
            await reissue(upstream, final_claims(upstream.payload, set={"x": "a" * size}), signer, max_bytes=allowed)
        assert caught.value.size > caught.value.allowed == allowed
