"""A server that answers wrongly: hookpoint answers with a clear error or lets a clean answer pass, and believes nothing unverified."""

from __future__ import annotations

import base64
import json

import pytest

from tests.partners.loopback import open_http
from tests.partners.mock_server import AUDIENCE
from tests.partners.resource_server import read_claims, read_header, resource_server_verify
from tests.proxy.e2e.hooks import PLAN
from tests.proxy.e2e.mock_stage import MockStage, assert_is_oauth_error

UNREADABLE = [
    "bad-json", "truncated-json", "json-list", "empty", "missing-access-token", "null-access-token",
    "number-access-token", "duplicate-names", "nan", "infinity", "lone-surrogate", "utf-16", "utf-8-bom",
    "invalid-utf-8", "gzip", "html-type", "html-page", "error-with-200", "redirect", "huge", "cut",
]  # fmt: skip
REFUSALS = {"server-error": 500, "json-server-error": 500, "unavailable": 503, "invalid-client": 401}
REPAIRED = [
    "missing-token-type", "missing-expires-in", "missing-scope", "text-expires-in", "wrong-expires-in", "lower-case-type",
]  # fmt: skip
# The rule of RFC 8725, RFC 7515 or RFC 7519 that each token breaks, as the log names it.
FORGED = {
    "wrong-signature": "bad_signature",
    "tampered": "bad_signature",
    "alg-none": "token_malformed",
    "alg-none-mixed-case": "token_malformed",
    "hs256-pem": "algorithm_not_allowed",
    "hs256-der": "algorithm_not_allowed",
    "hs256-jwk": "algorithm_not_allowed",
    "es256-with-rsa-kid": "unknown_key",
    "header-jwk": "unknown_key",
    "header-jku": "unknown_key",
    "header-x5c": "unknown_key",
    "header-x5u": "unknown_key",
    "unknown-kid": "unknown_key",
    "crit": "critical_header",
    "id-token": "wrong_type",
    "logout-token": "wrong_type",
    "wrong-issuer": "wrong_issuer",
    "issuer-with-slash": "wrong_issuer",
    "no-issuer": "wrong_issuer",
    "expired": "token_expired",
    "not-yet-valid": "not_yet_valid",
    "no-expiry": "invalid_claim",
    "text-expiry": "invalid_claim",
    "duplicate-claims": "token_malformed",
    "nan-claim": "token_malformed",
}
CASES = {
    "alg-none": "T2", "alg-none-mixed-case": "T2", "hs256-pem": "T2", "hs256-der": "T2", "hs256-jwk": "T2",
    "es256-with-rsa-kid": "T2", "header-jwk": "T3", "header-jku": "T3", "header-x5c": "T3", "header-x5u": "T3", "crit": "T4",
    "id-token": "T5", "logout-token": "T5", "wrong-issuer": "T6", "issuer-with-slash": "T6", "no-issuer": "T6",
    "expired": "T7", "not-yet-valid": "T7", "no-expiry": "T7", "text-expiry": "T7", "unknown-kid": "T8",
}  # fmt: skip
BELIEVED = ["no-kid", "honest-jku", "float-times", "no-audience", "list-audience", "at-jwt", "scope-list", "scp-list"]
ELSEWHERE = ["honest", "numbers", "extra-members", "etag", "slow", "number-claims", "opaque", "encrypted"]


def test_every_misbehaviour_is_tried(mock_stage: MockStage) -> None:
    tried = [*UNREADABLE, *REFUSALS, *REPAIRED, *FORGED, *BELIEVED, *ELSEWHERE]
    assert sorted(mock_stage.partner.modes()["token"]) == sorted(tried)


@pytest.mark.parametrize("mode", UNREADABLE)
async def test_an_answer_that_cannot_be_read_is_an_error(mock_stage: MockStage, mode: str) -> None:
    mock_stage.partner.behave(mode)
    before = await mock_stage.hook_runs()
    answer = await mock_stage.ask()
    assert_is_oauth_error(answer, 502, "server_error")
    assert mock_stage.partner.counts()["token"] == 1
    assert await mock_stage.hook_runs() == before
    event = "upstream_call_failed" if mode in ("huge", "cut") else "upstream_answer_invalid"
    assert mock_stage.product.events(event, request_id=answer.headers["x-request-id"])[0]["reason"]


@pytest.mark.parametrize(("mode", "status"), REFUSALS.items())
async def test_what_the_server_refuses_passes_as_it_is(mock_stage: MockStage, mode: str, status: int) -> None:
    mock_stage.partner.behave(mode)
    before = await mock_stage.hook_runs()
    through, direct = await mock_stage.ask(), await mock_stage.partner.ask_for_token()
    assert (through.status_code, through.content) == (status, direct.content)
    for name in ("content-type", "retry-after", "www-authenticate", "cache-control"):
        assert through.headers.get(name) == direct.headers.get(name)
    assert await mock_stage.hook_runs() == before


@pytest.mark.parametrize("mode", REPAIRED)
async def test_members_that_hookpoint_writes_are_right_whatever_the_server_wrote(
    mock_stage: MockStage, mode: str
) -> None:
    mock_stage.partner.behave(mode)
    members = (await mock_stage.ask()).json()
    claims = read_claims(members["access_token"])
    assert claims[PLAN] == "none"
    assert members["scope"] == claims["scope"] == "api:read"
    assert 3590 < members["expires_in"] <= 3600
    token_type = {"missing-token-type": None, "lower-case-type": "bearer"}.get(mode, "Bearer")
    assert members.get("token_type") == token_type


@pytest.mark.parametrize(
    ("mode", "code"), [pytest.param(*each, id=f"{CASES.get(each[0], 'T1')}-{each[0]}") for each in FORGED.items()]
)
async def test_T2_to_T7_an_unverified_token_reaches_neither_hooks_nor_clients(
    mock_stage: MockStage, mode: str, code: str
) -> None:
    mock_stage.partner.behave(mode)
    before = await mock_stage.hook_runs()
    answer = await mock_stage.ask()
    assert_is_oauth_error(answer, 502, "server_error")
    assert await mock_stage.hook_runs() == before
    entry = mock_stage.product.events("upstream_token_rejected", request_id=answer.headers["x-request-id"])[0]
    assert entry["code"] == code
    assert "attacker-keys" not in mock_stage.partner.counts()


@pytest.mark.parametrize("mode", BELIEVED)
async def test_T1_an_unusual_token_of_the_server_is_signed_again(mock_stage: MockStage, mode: str) -> None:
    mock_stage.partner.behave(mode)
    members = (await mock_stage.ask()).json()
    token = members["access_token"]
    header, claims = read_header(token), read_claims(token)
    if mode != "no-audience":
        await resource_server_verify(token, mock_stage.product.url, AUDIENCE)
    assert header.keys() == {"alg", "kid", "typ"}
    assert header["typ"] == ("at+jwt" if mode == "at-jwt" else "JWT")
    assert claims[PLAN] == "none"
    assert members["scope"] == "api:read"
    assert isinstance(members["expires_in"], int)


@pytest.mark.parametrize(("mode", "claim"), [("scope-list", "scope"), ("scp-list", "scp")])
async def test_T12_a_list_of_scopes_stays_a_list(mock_stage: MockStage, mode: str, claim: str) -> None:
    mock_stage.partner.behave(mode)
    members = (await mock_stage.ask(scope="api:write api:read")).json()
    claims = read_claims(members["access_token"])
    assert claims[claim] == ["api:read"]
    assert members["scope"] == "api:read"
    assert not {"scope", "scp"} - {claim} & claims.keys()


async def test_numbers_names_and_order_of_the_answer_stay_byte_for_byte(mock_stage: MockStage) -> None:
    for mode in ("numbers", "extra-members"):
        mock_stage.partner.behave(mode)
        through, direct = await mock_stage.ask(), await mock_stage.partner.ask_for_token()
        assert through.headers["content-length"] == str(len(through.content))
        assert _without_token(through.content) == _without_token(direct.content)
    mock_stage.partner.behave("numbers")
    text = (await mock_stage.ask()).text
    assert text.startswith('{"id":9223372036854775807,"over":9007199254740993,"price":1.10,"small":1e-7,"zero":-0.0,')


def _without_token(body: bytes) -> bytes:
    """The bytes of an answer but for its token, and its life, which the second may end in between."""
    members = json.loads(body)
    life = str(members["expires_in"]).encode()
    return body.replace(members["access_token"].encode(), b"").replace(b":" + life, b":").replace(b": " + life, b": ")


async def test_numbers_of_claims_stay_byte_for_byte(mock_stage: MockStage) -> None:
    mock_stage.partner.behave("number-claims")
    token = (await mock_stage.ask()).json()["access_token"]
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    assert payload.startswith(b'{"big":9223372036854775807,"over":9007199254740993,"price":1.10,"small":1e-7,')


async def test_headers_that_speak_of_the_servers_bytes_are_gone(mock_stage: MockStage) -> None:
    mock_stage.partner.behave("etag")
    answer = await mock_stage.ask()
    assert not {"etag", "last-modified"} & answer.headers.keys()
    assert answer.headers.get_list("content-length") == [str(len(answer.content))]
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize("mode", ["opaque", "encrypted"])
async def test_T19_T20_a_token_that_only_its_audience_can_read_passes(mock_stage: MockStage, mode: str) -> None:
    mock_stage.partner.behave(mode)
    answer = await mock_stage.ask()
    assert answer.status_code == 200
    assert len(answer.json()["access_token"].split(".")) in (1, 5)
    assert 3590 < answer.json()["expires_in"] <= 3600
    assert_is_oauth_error(await mock_stage.ask(tenant="blocked"), 400, "access_denied")


async def test_a_slow_server_is_given_up_after_the_configured_time(mock_stage: MockStage) -> None:
    mock_stage.partner.behave("slow", seconds=1.6)
    answer = await mock_stage.ask()
    assert_is_oauth_error(answer, 504, "temporarily_unavailable")
    assert 0.9 < answer.elapsed.total_seconds() < 1.5
    mock_stage.partner.behave()
    assert (await mock_stage.ask()).status_code == 200


async def test_a_client_that_asks_for_gzip_gets_an_answer_that_hooks_could_read(mock_stage: MockStage) -> None:
    mock_stage.partner.behave()
    client = mock_stage.partner.client()
    async with open_http({"accept-encoding": "gzip, br"}, auth=(client.client_id, client.client_secret)) as http:
        answer = await http.post(f"{mock_stage.product.url}/oauth/token", data={"grant_type": "client_credentials"})
    assert "content-encoding" not in answer.headers
    assert read_claims(answer.json()["access_token"])[PLAN] == "none"


def test_logs_hold_no_traceback_and_no_token(mock_stage: MockStage) -> None:
    written = "".join(mock_stage.product.lines)
    assert "Traceback" not in written
    assert "eyJ" not in written
    assert mock_stage.partner.client().client_secret not in written
