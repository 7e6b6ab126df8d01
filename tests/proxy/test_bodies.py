from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.proxy.bodies import BodyLimits, BodyRefused, Form, parse_form, parse_json, read_text, read_texts
from hookpoint.proxy.parameters import GRANT_PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

SINGLE = sorted(GRANT_PARAMETERS - {"resource", "audience"})


def refusal(body: bytes) -> BodyRefused:
    with pytest.raises(BodyRefused) as caught:
        parse_form(body)
    return caught.value


def test_a_form_keeps_its_order_and_decodes_once() -> None:
    form = parse_form(b"grant_type=client_credentials&scope=a+b%20c&note=%2541&empty=&flag&&city=K%C3%B6ln")
    assert form.pairs == (
        ("grant_type", "client_credentials"),
        ("scope", "a b c"),
        ("note", "%41"),
        ("empty", ""),
        ("flag", ""),
        ("city", "K\u00f6ln"),
    )


def test_an_empty_body_is_an_empty_form() -> None:
    assert parse_form(b"") == Form(())


@pytest.mark.parametrize("name", ["resource", "audience"])
def test_F_resource_and_audience_may_be_repeated(name: str) -> None:
    form = parse_form(f"{name}=a&x=1&{name}=b&{name}=c".encode())
    assert form.members == {name: ("a", "b", "c"), "x": "1"}
    assert read_texts(form.members, name) == ("a", "b", "c")


@pytest.mark.parametrize("name", [*SINGLE, "anything"])
def test_F_a_repeated_parameter_is_refused(name: str) -> None:
    assert refusal(f"{name}=a&x=1&{name}=a".encode()).error == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"scope=a&scope=", id="repeated-empty"),
        pytest.param(b"x=1&X=2", id="repeated-in-other-case"),
        pytest.param(b"resource=a&Resource=b", id="repeatable-in-other-case"),
        pytest.param(b"scope=\xc3\xbc", id="raw-bytes"),
        pytest.param(b"\xef\xbb\xbfgrant_type=x", id="bom"),
        pytest.param(b"%EF%BB%BFgrant_type=x", id="escaped-bom"),
        pytest.param(b"a=\x00", id="nul"),
        pytest.param(b"a=%00", id="escaped-nul"),
        pytest.param(b"grant_type%00=x", id="nul-in-name"),
        pytest.param(b"a=%", id="bare-percent"),
        pytest.param(b"a=%4", id="short-escape"),
        pytest.param(b"a=%zz", id="bad-escape"),
        pytest.param(b"a=%u0041", id="unicode-escape"),
        pytest.param(b"a=%ff", id="not-utf8"),
        pytest.param(b"a=%c0%af", id="overlong"),
        pytest.param(b"=x", id="nameless"),
        pytest.param(b"a=1&=", id="nameless-empty"),
        pytest.param(b"scope[]=x", id="array"),
        pytest.param(b"scope[0]=x", id="index"),
        pytest.param(b"client_id[x][y]=x", id="nested"),
        pytest.param(b"%63lient_id%5Bx%5D=x", id="nested-escaped"),
        pytest.param(b"[scope]=x", id="leading-bracket"),
        pytest.param(b"resource[]=x", id="repeatable-array"),
        pytest.param(b"grant[type=x", id="unclosed-bracket"),
        pytest.param(b"grant.type=x", id="dot"),
        pytest.param(b"grant+type=x", id="blank"),
        pytest.param(b"+scope=x", id="leading-blank"),
        pytest.param(b"scope%0a=x", id="line-end"),
        pytest.param(b"Grant_Type=x", id="case"),
        pytest.param(b"%EF%BD%93cope=x", id="fullwidth"),
        pytest.param(b"grant_type=client_credentials;scope=admin", id="semicolon"),
        pytest.param(b"a=1;Client_ID=x", id="semicolon-case"),
        pytest.param(b"_method=PUT", id="method-override"),
        pytest.param(b"_Method=PUT", id="method-override-case"),
        pytest.param(b'{"grant_type":"client_credentials"}&Scope=x', id="json-and-more"),
        pytest.param(gzip.compress(b"grant_type=client_credentials"), id="gzip"),
    ],
)
def test_F_what_parsers_read_differently_is_refused(body: bytes) -> None:
    assert refusal(body).status == 400


def test_F_other_nested_names_and_semicolons_are_the_upstreams() -> None:
    assert parse_form(b"a[b]=1&a[c]=2&note=x;y").members == {"a[b]": "1", "a[c]": "2", "note": "x;y"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"a=" + b"x" * 10_000_000, 413, id="10-MB-value"),
        pytest.param(b"&".join(b"a%d=1" % i for i in range(10_000)), 413, id="10000-members"),
        pytest.param(b"&".join(b"a%d=1" % i for i in range(101)), 400, id="101-members"),
        pytest.param(b"&" * 101 + b"grant_type=client_credentials", 400, id="101-empty-members"),
        pytest.param(b"a=" + b"x" * 8_193, 400, id="long-value"),
        pytest.param(b"x" * 8_193 + b"=", 400, id="long-name"),
    ],
)
def test_F_large_forms_are_refused(body: bytes, status: int) -> None:
    assert refusal(body).status == status


def test_F_the_caps_themselves_are_allowed() -> None:
    assert len(parse_form(b"&".join(b"a%d=1" % i for i in range(100))).pairs) == 100
    assert parse_form(b"a=" + b"x" * 8_192).members == {"a": "x" * 8_192}
    assert parse_form(b"a=1&b=2", limits=BodyLimits(size=7, members=2, value=1)).members == {"a": "1", "b": "2"}


def test_the_names_of_another_flow_can_be_guarded() -> None:
    assert parse_form(b"Email=x").members == {"Email": "x"}
    with pytest.raises(BodyRefused):
        parse_form(b"Email=x", guarded={"email"})


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=20))
def test_what_passes_reads_as_the_standard_library_reads_it(members: dict[str, str]) -> None:
    body = urlencode(members).encode()
    try:
        form = parse_form(body)
    except BodyRefused:
        return
    assert list(form.pairs) == parse_qsl(body.decode(), keep_blank_values=True, errors="strict")


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    with suppress(BodyRefused):
        assert all(name for name, _ in parse_form(body).pairs)


def test_a_form_does_not_show_its_values() -> None:
    assert "hidden" not in repr(parse_form(b"client_secret=hidden"))


def test_a_strict_object_is_parsed() -> None:
    body = parse_json(b'{"grant_type":"client_credentials","audience":["a","b"],"n":{"scope[]":1},"t":true}')
    assert read_text(body.members, "grant_type") == "client_credentials"
    assert read_texts(body.members, "audience") == ("a", "b")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"x"', id="string"),
        pytest.param(b"grant_type=client_credentials", id="form"),
        pytest.param(b"{} {}", id="two-values"),
        pytest.param(b'{"a":1,"a":2}', id="duplicate"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="duplicate-escaped"),
        pytest.param(b'{"n":{"a":1,"a":2}}', id="duplicate-nested"),
        pytest.param(b"\xef\xbb\xbf{}", id="bom"),
        pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":1,}', id="comma"),
        pytest.param(b'{"a":' + b"[" * 9 + b"]" * 9 + b"}", id="deep"),
        pytest.param(b'{"Client_ID":"x"}', id="case"),
        pytest.param(b'{"scope[]":"x"}', id="nested-name"),
        pytest.param(b'{"x":1,"X":2}', id="repeated-in-other-case"),
        pytest.param(b'{"_method":"PUT"}', id="method-override"),
        pytest.param(json.dumps({str(i): i for i in range(101)}).encode(), id="101-members"),
    ],
)
def test_F_other_json_is_refused(body: bytes) -> None:
    with pytest.raises(BodyRefused) as caught:
        parse_json(body)
    assert caught.value.error == "invalid_request"


def test_F_large_json_is_refused() -> None:
    with pytest.raises(BodyRefused) as caught:
        parse_json(b'{"a":"' + b"x" * 65_536 + b'"}')
    assert caught.value.status == 413


@pytest.mark.parametrize("members", [{}, {"scope": ""}, {"scope": None}])
def test_an_empty_parameter_is_an_absent_one(members: Mapping[str, object]) -> None:
    assert read_text(members, "scope") is None
    assert read_texts(members, "scope") == ()


@pytest.mark.parametrize("value", [1, True, ["a"], ("a", "b"), {"a": "b"}])
def test_a_parameter_that_is_no_string_is_refused(value: object) -> None:
    with pytest.raises(BodyRefused):
        read_text({"client_id": value}, "client_id")


@pytest.mark.parametrize("value", [1, {"a": "b"}, ["a", 1], [["a"]]])
def test_a_list_parameter_of_other_things_is_refused(value: object) -> None:
    with pytest.raises(BodyRefused):
        read_texts({"audience": value}, "audience")


def test_descriptions_hold_what_rfc_6749_allows() -> None:
    assert BodyRefused('a"b\\c\nd\u00fc').description == "a?b?c?d?"
