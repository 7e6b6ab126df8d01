"""Nothing secret gets into a log, whatever it is part of."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.proxy.observability import redact, redact_text, redacting
from hookpoint.proxy.observability.redaction import REDACTED, is_secret_name

SECRET = "S3cr3t.Value-of_it"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
JWE = "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFakeFakeFake\nAoGCCqGSM49\n-----END EC PRIVATE KEY-----"

SECRET_NAMES = [
    "password", "new_password", "newPassword", "PASSWORD", "client_secret", "clientSecret", "secrets", "token", "access_token",
    "refreshToken", "tokens", "authorization", "Authorization", "proxy-authorization", "code", "authorization_code", "user_code",
    "one_time_code", "verification_code", "client_assertion", "assertion", "cookie", "Set-Cookie", "cookies", "otp", "pin",
    "passphrase", "credentials", "api_key", "apikey", "private_key", "signing_keys", "x-upstream-secret", "code_verifier", "jwt",
]  # fmt: skip
HARMLESS_NAMES = [
    "event", "status", "exit_code", "status_code", "error_code", "country_code", "token_endpoint", "token_type", "key", "kid",
    "key_id", "secret_name", "token_route", "path", "client_id", "username", "keyboard", "spinning", "compass", "decoder",
]  # fmt: skip

# What a text may be wrapped around a secret, and what must be gone.
SECRET_TEXTS = [
    (JWT, JWT.split(".")[1]),
    (JWE, "Y2lwaGVy"),
    (f"Bearer {SECRET}", SECRET),
    (f"authorization: bearer  {SECRET}", SECRET),
    ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    (f"DPoP {SECRET}", SECRET),
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    (PEM, "MHcCAQEEIFakeFakeFake"),
    (PEM.replace("EC ", "").rpartition("\n")[0], "MHcCAQEEIFakeFakeFake"),
    (f"grant_type=x&client_secret={SECRET}&a=b", SECRET),
    (f"https://a.example/cb?code={SECRET}", SECRET),
    (f"/ws?access_token={SECRET}", SECRET),
    (f'{{"client_secret": "{SECRET}", "a": 1}}', SECRET),
    (f"{{'password': '{SECRET}'}}", SECRET),
    (json.dumps({"body": json.dumps({"refresh_token": SECRET})}), SECRET),
    (f"postgresql+asyncpg://hookpoint:{SECRET}@db.example/hookpoint", SECRET),
    (f"password='{SECRET}'", SECRET),
    (f'{{"password": "one two\\"{SECRET}"}}', SECRET),
    (f"Cookie: sid={SECRET}; theme=dark", SECRET),
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_harmless_names(name: str) -> None:
    assert not is_secret_name(name)


@given(
    text=st.sampled_from(SECRET_TEXTS),
    before=st.text(max_size=20).map(lambda text: text + " "),
    after=st.text(max_size=20).map(lambda text: " " + text),
)
def test_O_no_text_lets_a_secret_through(text: tuple[str, str], before: str, after: str) -> None:
    shown, secret = text
    assert secret not in redact_text(before + shown + after)


nested = st.recursive(
    st.sampled_from([shown for shown, _ in SECRET_TEXTS]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.tuples(inner),
        st.dictionaries(st.text(max_size=5), inner, min_size=1, max_size=3),
        inner.map(lambda value: ValueError(value)),
        inner.map(lambda value: str(value).encode()),
    ),
    max_leaves=10,
)


@given(nested)
def test_O_no_value_lets_a_secret_through(value: object) -> None:
    rendered = json.dumps(redact(None, "info", {"event": "something", "value": value}))
    for _, secret in SECRET_TEXTS:
        assert secret not in rendered


@given(name=st.sampled_from(SECRET_NAMES), value=st.text(min_size=8, alphabet="ABCDEFabcdef0123456789"))
def test_O_no_secret_name_lets_its_value_through(name: str, value: str) -> None:
    events: list[dict[str, object]] = [
        {name: value},
        {"value": {name: [value]}},
        {"headers": [(name, value)]},
        {"headers": [(name.encode(), value.encode())]},
        {"value": {"inner": {name: value.encode()}}},
    ]
    for event in events:
        assert value not in json.dumps(redact(None, "info", dict(event))).replace(name, "")


@pytest.mark.parametrize("name", ["code", "otp", "pin", "one_time_code"])
def test_numbers_may_be_secret_too(name: str) -> None:
    assert redact(None, "info", {name: 123456}) == {name: REDACTED}


def test_what_is_not_secret_stays() -> None:
    event: dict[str, object] = {
        "event": "token_signed",
        "code": "signing_keys_unusable",  # a stable error code, not an authorization code
        "status": 200,
        "seconds": 0.25,
        "ok": True,
        "nothing": None,
        "tokens": 5,
        "path": "/oauth/token",
        "url": "https://a.example:8080/cb?state=abc",
        "scope": ["read", "write"],
        "token_endpoint": "https://a.example/token",
        "message": "The basic idea: bearer of news, code = law, key: value.",
    }
    assert redact(None, "info", dict(event)) == {**event, "message": event["message"]}


def test_deep_values_end() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert REDACTED in json.dumps(redact(None, "info", {"value": loop}))


@pytest.mark.parametrize(
    "text", ["eyJ" * 200_000, "eyJ" + "." * 500_000, '"password": "' + "\\" * 500_000, "://" * 200_000 + "a:"]
)
def test_hostile_texts_do_not_stall(text: str) -> None:
    began = time.perf_counter()
    redact_text(text)
    assert time.perf_counter() - began < 60  # what grows with the square of the length takes hours


def test_what_is_known_to_be_secret_is_kept_out_wherever_it_stands() -> None:
    with redacting("918273", "4915112345678", "no"):
        with redacting("another"):
            text = redact_text("no way for +4915112345678: 918273 or another")
        assert text == "no way for +[redacted]: [redacted] or [redacted]"
        assert (
            redact(None, "", {"event": "failed", "error": ValueError("918273")})["error"] == "ValueError('[redacted]')"
        )
    assert redact_text("918273") == "918273"
