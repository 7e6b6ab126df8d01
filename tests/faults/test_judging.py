"""What the drill finds broken, and what it does not."""

from __future__ import annotations

import json
import time

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.faults.faults import CALM, COMMON, Fault
from tests.faults.judging import Balance, Figures, unverifiable
from tests.faults.load import PATIENCE, Asked

ISSUER = "https://login.example"
CLAIM = "https://example.com/plan"
FAULTS = {fault.name: fault for fault in COMMON}


def _asked(error: str | None = None, *, wrong: bool = False) -> Asked:
    return Asked(kind="token", begun=0.0, ended=0.1, error=error, wrong=wrong)


@pytest.mark.parametrize(
    ("fault", "asked", "longest", "broken"),
    [
        pytest.param(CALM, _asked(), 0.1, None, id="calm"),
        pytest.param(CALM, _asked("503 temporarily_unavailable"), 0.1, "clients noticed", id="noticed"),
        pytest.param(FAULTS["server behind slow"], _asked("504 x"), 7.0, None, id="told-of-a-slow-server"),
        pytest.param(FAULTS["server behind slow"], _asked(), 0.1, "nobody noticed", id="without-bite"),
        pytest.param(FAULTS["one of two workers killed"], _asked(), PATIENCE, "hung", id="hung"),
        pytest.param(FAULTS["server behind slow"], _asked("200 wrong", wrong=True), 0.1, "wrong answers", id="wrong"),
        pytest.param(FAULTS["server behind slow"], _asked("ReadError"), 0.1, "connections broke", id="cut"),
        pytest.param(FAULTS["one of two workers killed"], _asked("ReadError"), 0.1, None, id="cut-with-its-process"),
    ],
)
def test_what_clients_were_told_is_judged(fault: Fault, asked: Asked, longest: float, broken: str | None) -> None:
    figures = Figures(store="s", fault=fault, asked=[_asked(), asked], recovery=0.0, longest=longest)
    found = figures.broken()
    assert (found == []) if broken is None else (len(found) == 1 and broken in found[0])


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, None),
        ({"lost": ["jo@example.com"]}, "deliveries lost"),
        ({"foreign": ["jo@example.com"]}, "does not know"),
        ({"unverifiable": ["BadSignatureError()"]}, "do not verify"),
        ({"tracebacks": ["Traceback"]}, "tracebacks"),
        ({"tokens": 0}, "nothing was asked for"),
    ],
)
def test_what_is_left_is_judged(change: dict[str, object], broken: str | None) -> None:
    whole = {"due": 1, "done": 1, "lost": [], "foreign": [], "tokens": 1, "unverifiable": [], "tracebacks": []}
    found = Balance(store="s", **{**whole, **change}).broken()  # type: ignore[arg-type]
    assert (found == []) if broken is None else (len(found) == 1 and broken in found[0])


def test_tokens_are_held_against_the_published_keys() -> None:
    key, other = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("a", "b"))
    claims = {"iss": ISSUER, "exp": int(time.time()) + 60, CLAIM: "gold"}

    def token(signer: RSAKey, **changes: object) -> str:
        return jwt.encode({"alg": "RS256", "kid": "a"}, {**claims, **changes}, signer)

    tokens = [token(key), token(other), token(key, iss="https://elsewhere.example")]
    published = json.dumps(KeySet([key]).as_dict(private=False))
    found = unverifiable(tokens, published, issuer=ISSUER, claim=CLAIM)
    assert len(found) == 2
    assert "issuer" in found[1]
