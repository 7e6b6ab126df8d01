"""The search for leaks finds what it looks for, and nothing in what is shown rightly."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import leak_scan
from tests.partners.loopback import open_http
from tests.proxy.e2e.product import run_hookpoint
from tests.proxy.tokens.issuer import issue
from tests.security.catalogue import PROJECT

_CODE_LITERAL = re.compile(
    r"""(?:["']code["']\s*[:,]|["']otp["']\s*[:,]|\bcode\s*=|\bCODE\s*=)\s*["']([0-9]{4}|[0-9]{6,8})["']"""
)
_LEAKS = """
import logging
import os
import sqlite3
import sys
from contextlib import closing

import httpx2
import pytest

from tests import leak_scan

NUMBER = "+44" + "7400123456"
CODE = "735" + "294"

def test_logs_here(caplog):
    logging.getLogger("hookpoint").warning("m2m-basic-" + "secret-0123456789abcdef")

def test_logs_elsewhere():
    leak_scan.scan(["fine", "-----BEGIN " + "PRIVATE KEY-----"], "the log of a server")

def test_prints():
    print(CODE)

def test_counts(tmp_path):
    leak_scan.scan_product(tmp_path, log="", metrics=f'messages_total{{to="{NUMBER}"}} 1.0'.encode())

def test_stores(tmp_path):
    with closing(sqlite3.connect(tmp_path / "store.db")) as database, database:
        database.execute("CREATE TABLE schema_versions (part TEXT)")
        database.execute("INSERT INTO schema_versions VALUES (?)", [NUMBER])

def test_stores_a_code_that_a_server_made(tmp_path):
    stored = '{"id": "1", "at": "", "recipient": "%s", "kind": "sms", "purpose": "", "sender": null, "text": "", "code": "448271"}'
    (tmp_path / "inbox.jsonl").write_text(stored % NUMBER)
    leak_scan.scan_product(tmp_path, log='{"event": "x", "value": "448' + '271"}', metrics=b"")

@pytest.mark.anyio
async def test_answers():
    def answer(request):
        return httpx2.Response(422, json={"error": f"no such number: {NUMBER}"})

    with leak_scan.answers_scanned("http://hookpoint.test"):
        hooks = {"response": [leak_scan.scan_answer]}
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), event_hooks=hooks) as http:
            await http.get("http://elsewhere.test/")
            await http.get("http://hookpoint.test/")

def test_shows_nothing(tmp_path):
    logging.getLogger("hookpoint").warning("nothing to see")
    print("nothing here")
    with closing(sqlite3.connect(tmp_path / "store.db")) as database, database:
        database.execute("CREATE TABLE schema_versions (part TEXT)")
    leak_scan.scan_product(tmp_path, log="fine", metrics=b"messages_total 1.0")
"""


_TOKEN = "a bearer token that the server has"
_LEAKY = f"""
[upstream]
url = "http://127.0.0.1:9"
[store]
url = "sqlite:///hookpoint.db"
[[hooks]]
run = "hooks.py"
[sms]
limits = []
[[sms.providers]]
name = "4915112345678"
type = "file"
path = "inbox.jsonl"
[[sms.gateway]]
format = "generic"
secrets = ["{_TOKEN}"]
"""
_LEAKY_HOOKS = """
import sqlite3
import sys
from contextlib import closing

from hookpoint.hooks import Deny, send_phone_message


@send_phone_message
async def leak(event) -> None:
    if event.purpose == "deny":
        raise Deny("access_denied", "For the log.", f"Not to {event.recipient}.")
    print("sending", event.code, file=sys.stderr, flush=True)
    with closing(sqlite3.connect("hookpoint.db", timeout=30)) as database, database:
        database.execute("CREATE TABLE codes (code TEXT)")
        database.execute("INSERT INTO codes VALUES (?)", [event.code])
"""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'{{"event":"x","value":"{issue()}"}}', ["a JWT"]),
        ("authorization: Basic bTJtOm0ybS1iYXNpYy1zZWNyZXQ=", ["credentials"]),
        ("m2m-basic-secret-0123456789abcdef", ["the secret of a client"]),
        ("-----BEGIN RSA PRIVATE KEY-----", ["a private key"]),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ["a signing secret"]),
        ("to=%2B447400123456&x", ["a full phone number"]),
        ('{"to":"4915112345678"}', ["a full phone number"]),
        ("0015005550006", ["a full phone number"]),
        ("the code is 918273.", ["a code"]),
        ("to +8821612345678: 735294", ["a full phone number", "a code"]),
        ('{"event":"token_issued","kid":"mJ8Pq1","client_id":"m2m","request_id":"0192f"}', []),
        ("authorization: Basic [redacted]", []),
        ("recipient=+49…78 1800000000123 2026-12-01T00:00:00+0000 0.918273 a918273b", []),
    ],
)
def test_secrets_are_told_by_their_shape(line: str, told: list[str]) -> None:
    assert leak_scan.secrets_in(line) == told


def test_a_secret_of_a_test_is_found_once_it_is_known() -> None:
    assert leak_scan.secrets_in("the answer is 42424242") == []
    leak_scan.keep_secret("42424242")
    assert leak_scan.secrets_in("the answer is 42424242") == ["a secret of the test"]


@pytest.mark.logs_secrets
def test_a_leak_fails_the_test_that_made_it(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{PROJECT}{os.pathsep}{PROJECT / 'src'}")
    pytester.makepyfile(_LEAKS)
    result = pytester.runpytest_subprocess("-p", "tests.leak_scan", "-p", "no:iam", "-p", "no:asyncio")
    result.assert_outcomes(passed=8, errors=7)
    result.stdout.fnmatch_lines_random(
        [
            "*the log of the test shows the secret of a client*",
            "*the log of a server shows a private key*",
            "*the stdout of the test shows a code*",
            "*the metrics of hookpoint shows a full phone number*",
            "*the database store.db shows a full phone number*",
            "*the log of hookpoint shows a code*",
            "*the answer 422 shows a full phone number*",
        ]
    )


async def test_what_a_hookpoint_shows_is_searched(tmp_path: Path) -> None:
    with run_hookpoint(tmp_path, _LEAKY, hooks=_LEAKY_HOOKS) as product:
        async with open_http({"authorization": f"Bearer {_TOKEN}"}, base_url=product.url) as http:
            for purpose, status in (("login", 200), ("deny", 403)):
                body = {"to": "+4915112345678", "code": "735294", "purpose": purpose}
                assert (await http.post("/hookpoint/sms/generic", json=body)).status_code == status
    found = " ".join(leak_scan.take_findings())
    (tmp_path / "hookpoint.db").unlink()  # or it is found once more
    for leak in (
        "the log of hookpoint shows a code",
        "the metrics of hookpoint shows a full phone number",
        "the database hookpoint.db shows a code",
        "the answer 403 shows a full phone number",
    ):
        assert leak in found


def test_only_what_is_hookpoints_own_is_searched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "server.db")) as database, database:
        database.execute("CREATE TABLE users (phone TEXT)")
        database.execute("INSERT INTO users VALUES ('+447400123456')")
    leak_scan.scan_stores(tmp_path)  # the server behind it may keep the numbers of its users


def _sources(folder: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if each != "node_modules"]
        yield from (Path(name, each) for each in files if each.endswith(".py"))


def test_all_codes_that_tests_make_up_are_known() -> None:
    tests = PROJECT / "tests"
    unknown = {
        f"{path.relative_to(tests)}: {code}"
        for path in _sources(tests)
        if path != Path(__file__)
        for code in _CODE_LITERAL.findall(path.read_text())
        if code not in leak_scan.CODES
    }
    assert not unknown, "take codes from tests.leak_scan.CODES, so that leaks of them are found"
