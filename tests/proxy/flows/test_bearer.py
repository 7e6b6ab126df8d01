"""Re-issued tokens as credentials of any request."""

from __future__ import annotations

import time

import pytest
from starlette.types import Scope

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.flows.bearer import BearerTokens
from hookpoint.proxy.tokens.compact import encode_segment
from hookpoint.proxy.vault.kinds import ACCESS, ID
from tests.proxy.flows.returning_stage import NOW, OwnStage, http_scope, members_of, upstream_token

CHALLENGE = b"www-authenticate"


@pytest.fixture
def bearer(stage: OwnStage) -> BearerTokens:
    return BearerTokens(stage.tokens)


def with_authorization(*values: str, query: bytes = b"") -> Scope:
    fields = [(b"authorization", value.encode("latin-1")) for value in values]
    return http_scope("GET", "/me", query, (b"accept", b"*/*"), *fields, (b"x-last", b"1"))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_T16_a_good_token_becomes_the_original(bearer: BearerTokens, stage: OwnStage, scheme: str) -> None:
    issued = await stage.issue()
    scope = with_authorization(f"{scheme} {issued.token}")
    assert bearer.concerns(scope)
    expected = with_authorization(f"{scheme} {issued.original}")
    assert await bearer.admit(scope) == expected


async def test_a_websocket_scope_is_swapped_alike(bearer: BearerTokens, stage: OwnStage) -> None:
    issued = await stage.issue()
    scope = {**with_authorization(f"Bearer {issued.token}"), "type": "websocket"}
    admitted = await bearer.admit(scope)
    assert not isinstance(admitted, Answer)
    assert (b"authorization", f"Bearer {issued.original}".encode()) in admitted["headers"]


@pytest.mark.parametrize("state", ["expired", "denied", "unmapped", "forged", "an ID token"])
async def test_a_token_that_is_not_good_never_reaches_the_server(
    bearer: BearerTokens, stage: OwnStage, state: str
) -> None:
    issued = await stage.issue(exp=NOW - 1 if state == "expired" else NOW + 9, kind=ID if "ID" in state else ACCESS)
    token = issued.token
    if state == "denied":
        await stage.vault.deny(str(issued.claims["jti"]), expires_at=NOW + 60)
    elif state == "unmapped":
        await stage.vault.remove(ACCESS, token)
    elif state == "forged":
        token = token[:-8] + ("AAAAAAAA" if not token.endswith("AAAAAAAA") else "BBBBBBBB")
    answer = await bearer.admit(with_authorization(f"Bearer {token}"))
    assert isinstance(answer, Answer)
    assert answer.status == 401
    assert (answer.header(CHALLENGE) or b"").startswith(b'Bearer error="invalid_token"')
    assert members_of(answer)["error"] == "invalid_token"


@pytest.mark.parametrize(
    "value",
    ["Bearer  {}", "Bearer\t{}", " Bearer {}", "Bearer {} ", "Bearer {},Bearer x", "Token {}", "Bearer x, {}", "{}"],
)
async def test_a_token_of_ours_in_another_shape_is_refused(bearer: BearerTokens, stage: OwnStage, value: str) -> None:
    issued = await stage.issue()
    scope = with_authorization(value.format(issued.token))
    assert bearer.concerns(scope)
    answer = await bearer.admit(scope)
    assert isinstance(answer, Answer)
    assert answer.status == 400


async def test_a_token_of_ours_beside_other_credentials_is_refused(bearer: BearerTokens, stage: OwnStage) -> None:
    issued = await stage.issue()
    for values in ((f"Bearer {issued.token}", "Basic eDp5"), ("Bearer abc", f"Bearer {issued.token}")):
        answer = await bearer.admit(with_authorization(*values))
        assert isinstance(answer, Answer)
        assert answer.status == 400


async def test_T14_a_dpop_bound_token_is_refused_with_a_reason(bearer: BearerTokens, stage: OwnStage) -> None:
    issued = await stage.issue(cnf={"jkt": "x"})
    answer = await bearer.admit(with_authorization(f"DPoP {issued.token}"))
    assert isinstance(answer, Answer)
    assert answer.status == 401
    assert (answer.header(CHALLENGE) or b"").startswith(b'DPoP error="invalid_token"')
    assert "resource servers" in members_of(answer)["error_description"]


async def test_a_token_of_ours_in_the_query_is_refused(bearer: BearerTokens, stage: OwnStage) -> None:
    issued = await stage.issue()
    for token in (issued.token, issued.token.replace(".", "%2e")):
        scope = with_authorization(query=b"a=b&access_token=" + token.encode())
        assert bearer.concerns(scope)
        answer = await bearer.admit(scope)
        assert isinstance(answer, Answer)
        assert answer.status == 400


async def test_T17_while_the_store_is_down_nobody_is_told_yes_or_no(bearer: BearerTokens, stage: OwnStage) -> None:
    issued = await stage.issue()
    await stage.tokens.find(issued.token)
    await stage.break_store()
    answer = await bearer.admit(with_authorization(f"Bearer {issued.token}"))
    assert isinstance(answer, Answer)
    assert answer.status == 503


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("Basic bTJtOnNlY3JldA==",),
        ("Bearer opaque-handle",),
        (f"Bearer {upstream_token()}",),
        (f"Bearer  {upstream_token()}", "Bearer eyJ"),
        ("Bearer eyJhbGciOiJub25lIn0.e30.",),
        ("Digest username=eyJ.eyJ.eyJ",),
    ],
)
async def test_other_credentials_are_left_alone_at_once(bearer: BearerTokens, values: tuple[str, ...]) -> None:
    assert not bearer.concerns(with_authorization(*values, query=b"access_token=" + upstream_token().encode()))


async def test_a_key_that_looks_like_ours_is_looked_up_once(bearer: BearerTokens, stage: OwnStage) -> None:
    other = encode_segment(write_json({"alg": "ES256", "kid": "A" * 43})).decode()
    scope = with_authorization(f"Bearer {other}.e30.AAAA")
    assert bearer.concerns(scope)
    assert await bearer.admit(scope) == scope
    assert not bearer.concerns(scope)


async def test_no_text_takes_long_to_search(bearer: BearerTokens) -> None:
    started = time.perf_counter()
    for text in ("eyJ" * 20_000, "eyJ." * 15_000, "." * 60_000, "eyJA=" * 12_000):
        bearer.concerns(with_authorization(text))
    assert time.perf_counter() - started < 30  # what grows with the square of the length takes minutes
