"""The mock server alone: every wrong answer and key set is really wrong, and only that."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.partners.loopback import ask, open_http
from tests.partners.mock_server import AUDIENCE
from tests.partners.resource_server import (
    read_header,
    resource_server_verify,
)

if TYPE_CHECKING:
    from tests.partners.mock_server import MockServer


async def test_mock_server_is_honest_until_told_otherwise(mock_server: MockServer) -> None:
    answer = await mock_server.ask_for_token()
    verified = await resource_server_verify(
        answer.json()["access_token"], mock_server.issuer, AUDIENCE, headers=mock_server.headers
    )
    assert (verified.claims["client_id"], verified.claims["scope"]) == ("m2m", "api:read")
    assert answer.headers["etag"].startswith("W/")


async def test_numbers_beyond_doubles_stand_in_claims_and_answer(mock_server: MockServer) -> None:
    mock_server.behave("number-claims")
    token = (await mock_server.ask_for_token()).json()["access_token"]
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    mock_server.behave("numbers")
    answer = (await mock_server.ask_for_token()).content
    for text in (payload, answer):
        assert b"9223372036854775807" in text
        assert b"9007199254740993" in text
        assert b'"price":1.10' in text


BAD_JSON = ["bad-json", "truncated-json", "empty", "utf-16", "utf-8-bom", "invalid-utf-8", "html-page"]


@pytest.mark.parametrize("mode", BAD_JSON)
async def test_token_answers_that_are_not_json(mock_server: MockServer, mode: str) -> None:
    mock_server.behave(mode)
    answer = await mock_server.ask_for_token()
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        json.loads(answer.content.decode("utf-8"))


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        ("missing-access-token", "access_token", None),
        ("null-access-token", "access_token", None),
        ("number-access-token", "access_token", 42),
        ("missing-token-type", "token_type", None),
        ("missing-expires-in", "expires_in", None),
        ("missing-scope", "scope", None),
        ("text-expires-in", "expires_in", "3600"),
        ("wrong-expires-in", "expires_in", 86400),
        ("lower-case-type", "token_type", "bearer"),
        ("error-with-200", "error", "invalid_scope"),
    ],
)
async def test_token_answers_with_wrong_members(mock_server: MockServer, mode: str, name: str, value: object) -> None:
    mock_server.behave(mode)
    answer = await mock_server.ask_for_token()
    assert answer.status_code == 200
    assert answer.json().get(name) == value


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("duplicate-names", b'{"access_token":"first","access_token":"ey'),
        ("nan", b'"weight":NaN'),
        ("infinity", b'"weight":-Infinity'),
        ("lone-surrogate", b'"note":"\\ud800"'),
        ("json-list", b'[{"access_token"'),
        ("extra-members", b'{\n  "created_at": 1700000000,\n  "refresh_token": "r-1"'),
    ],
)
async def test_token_answers_with_unusual_json(mock_server: MockServer, mode: str, text: bytes) -> None:
    mock_server.behave(mode)
    assert (await mock_server.ask_for_token()).content.count(text) == 1


@pytest.mark.parametrize(
    ("mode", "status", "header", "value"),
    [
        ("server-error", 500, "content-type", "text/html"),
        ("json-server-error", 500, "content-type", "application/json; charset=utf-8"),
        ("unavailable", 503, "retry-after", "7"),
        ("invalid-client", 401, "www-authenticate", 'Basic realm="mock", error="invalid_client"'),
        ("redirect", 307, "location", "/elsewhere"),
        ("html-type", 200, "content-type", "text/html; charset=utf-8"),
        ("etag", 200, "etag", '"strong-1"'),
        ("gzip", 200, "content-encoding", "gzip"),
    ],
)
async def test_token_answers_with_other_status_or_headers(
    mock_server: MockServer, mode: str, status: int, header: str, value: str
) -> None:
    mock_server.behave(mode)
    answer = await mock_server.ask_for_token()
    assert (answer.status_code, answer.headers[header]) == (status, value)


async def test_gzip_comes_even_to_clients_that_refuse_it(mock_server: MockServer) -> None:
    mock_server.behave("gzip")
    client = mock_server.client()
    headers = mock_server.headers | {"accept-encoding": "identity"}
    async with (
        open_http(headers, auth=(client.client_id, client.client_secret)) as http,
        http.stream("POST", mock_server.token_url, data={"grant_type": "client_credentials"}) as answer,
    ):
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert "access_token" in json.loads(gzip.decompress(raw))


async def test_huge_and_cut_token_answers(mock_server: MockServer) -> None:
    mock_server.behave("huge")
    assert len((await mock_server.ask_for_token()).content) > 10 * 1024 * 1024
    mock_server.behave("cut")
    with pytest.raises(httpx2.RemoteProtocolError):
        await mock_server.ask_for_token()


@pytest.mark.parametrize("what", ["token", "jwks"])
async def test_slow_answers_take_the_time_that_was_asked_for(mock_server: MockServer, what: str) -> None:
    if what == "token":
        mock_server.behave("slow", seconds=0.3)
    else:
        mock_server.behave(jwks="slow", seconds=0.3)
    answer = await (mock_server.ask_for_token() if what == "token" else mock_server.get_keys())
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.3


@pytest.mark.parametrize(
    ("mode", "status"), [("server-error", 500), ("redirect", 302), ("bad-json", 200), ("html-page", 200)]
)
async def test_key_sets_that_cannot_be_read(mock_server: MockServer, mode: str, status: int) -> None:
    mock_server.behave(jwks=mode)
    answer = await mock_server.get_keys()
    assert answer.status_code == status
    with pytest.raises(ValueError):
        answer.json()


async def test_key_sets_with_wrong_keys(mock_server: MockServer) -> None:
    def fetch(mode: str) -> list[dict[str, Any]]:
        mock_server.behave(jwks=mode)
        found = ask("GET", mock_server.url + mock_server.jwks_path, headers=mock_server.headers)
        keys: list[dict[str, Any]] = found["keys"]
        return keys

    honest = fetch("honest")
    kids = [key["kid"] for key in honest]
    assert all(not key.keys() & {"d", "p", "q", "k"} for key in honest)
    assert fetch("empty") == []
    assert len(fetch("stale")) == len(honest) - 1
    assert any("d" in key for key in fetch("private-members"))
    assert fetch("oct-key")[0]["kty"] == "oct"
    assert {key["use"] for key in fetch("encryption-use")} == {"enc"}
    assert all("kid" not in key for key in fetch("no-kids"))
    assert len(fetch("many-keys")) == len(honest) + 500
    assert fetch("unknown-types")[0]["kty"] == "LATTICE"
    first, second = fetch("duplicate-kid")[:2]
    assert first["kid"] == second["kid"]
    assert first["n"] != second["n"]
    assert len(json.dumps(fetch("huge"))) > 10 * 1024 * 1024
    assert [key["kid"] for key in fetch("honest")] == kids


async def test_a_key_set_can_misbehave_for_a_while(mock_server: MockServer) -> None:
    mock_server.behave(jwks="server-error", fetches=2)
    assert [(await mock_server.get_keys()).status_code for _ in range(3)] == [500, 500, 200]
    assert mock_server.counts()["jwks"] == 3


async def test_rotation_signs_with_a_new_published_key(mock_server: MockServer) -> None:
    old = [read_header((await mock_server.ask_for_token()).json()["access_token"])["kid"] for _ in range(2)]
    new = mock_server.rotate()
    now = [read_header((await mock_server.ask_for_token()).json()["access_token"])["kid"] for _ in range(3)]
    assert old == [old[0]] * 2
    assert now == [new] * 3
    assert {old[0], new} <= {key["kid"] for key in (await mock_server.get_keys()).json()["keys"]}


def test_every_misbehaviour_is_tested(mock_server: MockServer) -> None:
    folder = Path(__file__).parent
    source = "".join((folder / name).read_text() for name in ("test_forged_tokens.py", "test_mock_server.py"))
    modes = mock_server.modes()
    assert [mode for mode in modes["token"] + modes["jwks"] if f'"{mode}"' not in source] == []


def test_unknown_misbehaviour_is_refused(mock_server: MockServer) -> None:
    with pytest.raises(httpx2.HTTPStatusError):
        mock_server.behave("no such mode")
