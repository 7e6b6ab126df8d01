from __future__ import annotations

import json
import time

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from hookpoint.proxy.tokens.compact import TokenKind, classify, encode_segment
from tests.proxy.tokens.issuer import issue


def segment(text: str) -> str:
    return encode_segment(text.encode()).decode()


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (issue(), "jws"),
        (issue(header={"typ": "at+jwt"}), "jws"),
        (issue().rsplit(".", 1)[0] + ".", "jws"),
        (issue() + "\n", "jws"),
        (issue().replace("eyJ", "eyJ=", 1), "jws"),
        (" ".join(issue()), "jws"),
        (segment('{"alg":"none"}') + ".e30.", "jws"),
        (segment('{"\\u0061lg":"none"}') + ".e30.", "jws"),
        (segment('{"alg":"a","alg":"b"}') + ".e30.c2ln", "jws"),
        (segment('{"alg":"RS256"} trailing') + ".e30.c2ln", "jws"),
        (segment('\ufeff{"alg":"RS256"}') + ".e30.c2ln", "jws"),
        (segment('{"alg":"RS256" }') + "=.e30.c2ln", "jws"),
        ("", "opaque"),
        ("2YotnFZFEjr1zCsicMWpAA", "opaque"),
        ("mF_9.B5f-4.1JqM", "opaque"),
        ("a.b.c", "opaque"),
        ("a.b.c.d.e", "opaque"),
        ("..", "opaque"),
        ("eyJ1c2VyIjoxfQ.ZxyW3w.c2lnbmF0dXJl", "opaque"),
        (issue() + ".more", "opaque"),
        ("\u00e9.\u00e9.\u00e9", "opaque"),
    ],
)
def test_kinds_of_tokens(token: str, kind: TokenKind) -> None:
    assert classify(token) == kind


def test_T20_an_encrypted_token_is_recognized() -> None:
    key = OctKey.generate_key(256)
    token = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "cty": "JWT"}, issue(), key)
    assert classify(token) == "jwe"


@pytest.mark.parametrize(
    "token", ["A" * 10_000_000, "A" * 10_000_000 + ".A.A", "." * 10_000_000, segment("[" * 40_000) + ".A.A"]
)
def test_huge_tokens_are_classified_at_once(token: str) -> None:
    started = time.process_time()
    assert classify(token) in ("jws", "opaque")
    assert time.process_time() - started < 0.05


def test_a_header_that_cannot_be_one_is_opaque() -> None:
    assert classify(segment(json.dumps({"typ": "session"})) + ".A.A") == "opaque"
