"""The search for secrets in logs finds what it looks for, and nothing in what is logged rightly."""

from __future__ import annotations

import os

import pytest

from tests import log_scan
from tests.proxy.tokens.issuer import issue
from tests.security.catalogue import PROJECT


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'{{"event":"x","value":"{issue()}"}}', ["a JWT"]),
        ("authorization: Basic bTJtOm0ybS1iYXNpYy1zZWNyZXQ=", ["credentials"]),
        ("m2m-basic-secret-0123456789abcdef", ["the secret of a client"]),
        ("-----BEGIN RSA PRIVATE KEY-----", ["a private key"]),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ["a signing secret"]),
        ('{"event":"token_issued","kid":"mJ8Pq1","client_id":"m2m","request_id":"0192f"}', []),
        ("authorization: Basic [redacted]", []),
    ],
)
def test_secrets_are_told_by_their_shape(line: str, told: list[str]) -> None:
    assert log_scan.secrets_in(line) == told


def test_a_secret_of_a_test_is_found_once_it_is_known() -> None:
    assert log_scan.secrets_in("the code is 735294") == []
    log_scan.keep_secret("735294")
    assert log_scan.secrets_in("the code is 735294") == ["a secret of the test"]


def test_a_leak_fails_the_test_that_made_it(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{PROJECT}{os.pathsep}{PROJECT / 'src'}")
    pytester.makepyfile(
        """
        import logging

        from tests import log_scan

        def test_logs_here(caplog):
            logging.getLogger("hookpoint").warning("m2m-basic-secret-0123456789abcdef")

        def test_logs_elsewhere():
            log_scan.scan(["fine", "-----BEGIN PRIVATE KEY-----"], "the log of a server")

        def test_logs_rightly():
            logging.getLogger("hookpoint").warning("nothing to see")
        """
    )
    result = pytester.runpytest_subprocess("-p", "tests.log_scan", "-p", "no:iam")
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*the log of a server holds a private key*"])
