from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.proxy.upstream.fields import request_fields, response_fields

Header = tuple[bytes, bytes]

NAMES = st.from_regex(rb"[A-Za-z0-9_-]{1,12}", fullmatch=True) | st.sampled_from(
    [b"Connection", b"TE", b"X-Forwarded-For", b"x_real_ip", b"Cookie", b"X-Secret", b"x_secret", b"Upgrade", b"Host"]
)
VALUES = st.from_regex(rb"[!-~]{0,12}", fullmatch=True) | st.sampled_from([b"close, X-Secret", b"cookie, host", b"a,b"])
FIELDS = st.lists(st.tuples(NAMES, VALUES))

HOP_BY_HOP = [
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "expect", "http2-settings",
]  # fmt: skip

PROXY_ONLY = [
    "x-forwarded-server", "x-forwarded-prefix", "x-forwarded-uri", "x-forwarded-method", "x-forwarded-client-cert",
    "x-forwarded-user", "true-client-ip", "cf-connecting-ip", "cf-ray", "x-client-ip", "client-cert",
]  # fmt: skip

NEVER = [
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip",
    "x-original-url", "x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override",
]  # fmt: skip


def spellings(name: str) -> list[bytes]:
    return [name.encode(), name.upper().encode(), name.title().encode(), name.replace("-", "_").encode()]


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("name", [*HOP_BY_HOP, *NEVER])
def test_fields_of_one_hop_never_pass(name: str, trusted: bool) -> None:
    assert request_fields([(spelling, b"x") for spelling in spellings(name)], trusted=trusted) == []


@pytest.mark.parametrize("name", PROXY_ONLY)
def test_fields_only_a_proxy_may_set_pass_from_trusted_peers_alone(name: str) -> None:
    fields = [(spelling, b"x") for spelling in spellings(name)]
    assert request_fields(fields, trusted=False) == []
    assert request_fields([(name.encode(), b"x")], trusted=True) == [(name.encode(), b"x")]


@pytest.mark.parametrize("spelling", spellings("x-upstream-secret"))
@pytest.mark.parametrize("trusted", [True, False])
def test_nobody_but_us_sets_the_secret_header(spelling: bytes, trusted: bool) -> None:
    assert request_fields([(spelling, b"guess")], trusted=trusted, secret_name=b"x-upstream-secret") == []


def test_nominated_fields_are_removed_from_every_connection_line() -> None:
    fields = [
        (b"Connection", b"X-One, close"),
        (b"X-One", b"1"),
        (b"connection", b" x-two"),
        (b"X-Two", b"2"),
        (b"X-Three", b"3"),
    ]
    assert request_fields(fields, trusted=False) == [(b"x-three", b"3")]
    assert response_fields([(n.lower(), v) for n, v in fields], status=200, date=b"now") == [
        (b"x-three", b"3"),
        (b"date", b"now"),
    ]


@pytest.mark.parametrize(
    "name", [b"authorization", b"cookie", b"host", b"content-type", b"content-length", b"dpop", b"via"]
)
def test_nominations_do_not_remove_what_is_meant_for_the_recipient(name: bytes) -> None:
    assert request_fields([(b"connection", name), (name, b"x")], trusted=False) == [(name, b"x")]


@given(FIELDS, st.booleans())
def test_request_fields_pass_in_order_and_never_in_a_second_spelling(fields: list[Header], trusted: bool) -> None:
    passed = request_fields(fields, trusted=trusted, secret_name=b"x-secret")
    lowered = iter([(name.lower(), value) for name, value in fields])
    assert all(field in lowered for field in passed), "a subsequence of what came"
    names = {name for name, _ in passed}
    assert not names & {name.encode() for name in [*HOP_BY_HOP, *NEVER]}
    assert not any(b"_" in name or name == b"x-secret" for name in names)


@given(FIELDS)
def test_passing_twice_changes_nothing(fields: list[Header]) -> None:
    once = request_fields(fields, trusted=False)
    assert request_fields(once, trusted=False) == once


def test_response_keeps_cookies_apart_and_challenges_repeated() -> None:
    fields = [
        (b"set-cookie", b"a=1"),
        (b"www-authenticate", b"Basic"),
        (b"set-cookie", b"b=2"),
        (b"www-authenticate", b"DPoP"),
    ]
    assert response_fields(fields, status=200, date=b"now")[:4] == fields


def test_response_loses_what_leads_around_the_proxy_and_keeps_its_date() -> None:
    fields = [
        (b"alt-svc", b'h3=":443"'),
        (b"date", b"then"),
        (b"strict-transport-security", b"max-age=1"),
        (b"trailer", b"X"),
    ]
    assert response_fields(fields, status=200, date=b"now") == [
        (b"date", b"then"),
        (b"strict-transport-security", b"max-age=1"),
    ]


@pytest.mark.parametrize(("status", "kept"), [(200, 1), (204, 0), (304, 0), (404, 1)])
def test_response_without_a_body_states_no_length(status: int, kept: int) -> None:
    fields = response_fields([(b"content-length", b"4")], status=status, date=b"now")
    assert fields.count((b"content-length", b"4")) == kept


@given(st.lists(st.tuples(NAMES.map(bytes.lower), VALUES)))
def test_response_fields_always_have_a_date_and_nothing_of_one_hop(fields: list[Header]) -> None:
    passed = [name for name, _ in response_fields(fields, status=200, date=b"now")]
    assert b"date" in passed
    assert not {b"connection", b"upgrade", b"te", b"transfer-encoding"} & set(passed)
