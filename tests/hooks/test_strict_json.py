from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.hooks.strict_json import MAX_INTEGER_DIGITS, JsonError, JsonErrorCode, JsonObject, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

text = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
objects = st.dictionaries(text, values, max_size=8)
layouts = st.sampled_from([None, 0, 1, 4])


def code_of(data: bytes) -> str:
    with pytest.raises(JsonError) as caught:
        JsonObject.parse(data)
    return caught.value.code


@given(objects, layouts, st.booleans(), text.filter(lambda name: len(name) < 20))
def test_an_object_without_edits_keeps_its_bytes(
    members: dict[str, object], indent: int | None, ascii_only: bool, absent: str
) -> None:
    data = json.dumps(members, indent=indent, ensure_ascii=ascii_only).encode()
    parsed = JsonObject.parse(data)
    assert dict(parsed.members) == members
    assert parsed.edited({}) == data
    if absent not in members:
        assert parsed.edited({}, [absent]) == data


@given(objects, layouts, objects, st.data())
def test_an_edit_is_the_edit_of_a_dict(
    members: dict[str, object], indent: int | None, changes: dict[str, object], data: st.DataObject
) -> None:
    replaced = data.draw(st.dictionaries(st.sampled_from(list(members)), values)) if members else {}
    removed = data.draw(st.sets(st.sampled_from(list(members)))) if members else set()
    to_set = {name: value for name, value in {**changes, **replaced}.items() if name not in removed}
    original = f" \r\n{json.dumps(members, indent=indent)}\t".encode()
    edited = JsonObject.parse(original).edited(to_set, removed)
    expected = {name: value for name, value in {**members, **to_set}.items() if name not in removed}
    assert list(json.loads(edited).items()) == list(expected.items())
    assert dict(JsonObject.parse(edited).members) == expected


@given(st.text() | objects.map(json.dumps))
def test_what_is_accepted_json_reads_the_same(document: str) -> None:
    data = document.encode(errors="surrogatepass")
    try:
        parsed = JsonObject.parse(data)
    except JsonError:
        return
    assert dict(parsed.members) == json.loads(data)


def test_members_that_are_not_named_keep_their_spelling() -> None:
    original = b'{ "id" : 12345678901234567890123,\n "rate":1.10e+02 , "a\\u0062" : "\\/\\u00e9", "drop":[1], "exp":1 }'
    parsed = JsonObject.parse(original)
    assert parsed.members["id"] == 12345678901234567890123
    assert parsed.members["ab"] == "/é"
    assert parsed.edited({"exp": 2, "é": "ü"}, {"drop"}) == (
        '{ "id" : 12345678901234567890123,\n "rate":1.10e+02 , "a\\u0062" : "\\/\\u00e9", "exp":2,"é":"ü" }'.encode()
    )


@pytest.mark.parametrize(
    ("original", "to_set", "remove", "expected"),
    [
        (b"{}", {"a": 1}, (), b'{"a":1}'),
        (b" { } ", {"a": 1, "b": 2}, (), b' {"a":1,"b":2 } '),
        (b'{"a":1}', {}, ("a",), b"{}"),
        (b'{"a":1}', {"b": 2}, ("a",), b'{"b":2}'),
        (b'{"a":1, "b":2, "c":3}', {}, ("a",), b'{"b":2, "c":3}'),
        (b'{"a":1, "b":2, "c":3}', {}, ("b",), b'{"a":1, "c":3}'),
        (b'{"a":1, "b":2, "c":3}', {}, ("c",), b'{"a":1, "b":2}'),
        (b'{"a":1, "b":2, "c":3}', {"d": 4}, ("a", "c"), b'{"b":2,"d":4}'),
        (b'{"a":1}', {"a": {"b": ("x", None, True)}}, (), b'{"a":{"b":["x",null,true]}}'),
    ],
)
def test_edits(original: bytes, to_set: Mapping[str, object], remove: tuple[str, ...], expected: bytes) -> None:
    assert JsonObject.parse(original).edited(to_set, remove) == expected


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"null", "not_an_object"),
        (b'\xef\xbb\xbf{"a":1}', "byte_order_mark"),
        ('{"a":1}'.encode("utf-16"), "not_utf8"),
        ('{"a":1}'.encode("utf-16-le"), "syntax"),
        (b'{"a":"\xe9"}', "not_utf8"),
        (b'{"a":"\xc0\xaf"}', "not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
        (b'{"a":1,"a":1}', "duplicate_name"),
        (b'{"a":1,"\\u0061":1}', "duplicate_name"),
        (b'{"x":[{"a":1,"a":2}]}', "duplicate_name"),
        (b'{"a":NaN}', "syntax"),
        (b'{"a":[-Infinity]}', "syntax"),
        (b'{"a":1e999}', "number_out_of_range"),
        (b'{"a":' + b"9" * (MAX_INTEGER_DIGITS + 1) + b"}", "number_out_of_range"),
        (b'{"a":"\\ud800"}', "lone_surrogate"),
        (b'{"\\udfff":[]}', "lone_surrogate"),
        (b'{"a":[{"b":"x\\uDC00\\ud83d"}]}', "lone_surrogate"),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "too_deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep"),
        (b'{"a":1}{"b":1}', "syntax"),
        (b'{"a":1} x', "syntax"),
        (b'{"a":1}\x00', "syntax"),
        (b'{"a":1}\x0b', "syntax"),
        (b'{"a":1,}', "syntax"),
        (b'{,"a":1}', "syntax"),
        (b'{"a" 1}', "syntax"),
        (b'{"a":}', "syntax"),
        (b'{"a":01}', "syntax"),
        (b'{"a":+1}', "syntax"),
        (b'{"a":.5}', "syntax"),
        (b'{"a":1 "b":2}', "syntax"),
        (b'{"a":"\n"}', "syntax"),
        (b'{"a":"\\x"}', "syntax"),
        (b"{'a':1}", "syntax"),
        (b"{a:1}", "syntax"),
        (b'{"a":1', "syntax"),
        (b'{"a', "syntax"),
        (b"{", "syntax"),
        (b'{"a":1/*x*/}', "syntax"),
        ('{"a":\u0661}'.encode(), "syntax"),
    ],
)
def test_what_parsers_disagree_about_is_refused(data: bytes, code: JsonErrorCode) -> None:
    assert code_of(data) == code


def test_a_surrogate_pair_is_one_character() -> None:
    assert JsonObject.parse(b'{"a":"\\ud83d\\ude00"}').members["a"] == "\U0001f600"


def test_an_escaped_backslash_before_u_is_no_surrogate() -> None:
    assert JsonObject.parse(b'{"a":"\\\\ud800"}').members["a"] == "\\ud800"


def test_brackets_in_strings_are_no_levels() -> None:
    assert JsonObject.parse(b'{"a":"' + b'[{\\"' * 100 + b'"}').members["a"] == '[{"' * 100
    assert JsonObject.parse(b'{"a":[' + b",".join([b"[]"] * 100) + b"]}").members["a"] == [[]] * 100


def test_the_error_repeats_no_value() -> None:
    with pytest.raises(JsonError) as caught:
        JsonObject.parse(b'{"access_token":"s3cret","access_token":"s3cret"}')
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(JsonObject.parse(b'{"access_token":"s3cret"}'))


def test_members_are_read_only() -> None:
    with pytest.raises(TypeError):
        JsonObject.parse(b"{}").members["a"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        {1: "a"},
        {"a": {True: 1}},
        {1, 2},
        b"bytes",
        "\ud800",
        {"\ud800": 1},
        10**MAX_INTEGER_DIGITS,
        object(),
    ],
)
def test_values_that_are_not_json_are_refused(value: object) -> None:
    with pytest.raises(JsonError) as caught:
        JsonObject.parse(b"{}").edited({"a": value})
    assert caught.value.code == "not_json"
    with pytest.raises(JsonError):
        write_json([value])


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(JsonError, match="levels"):
        write_json(endless)


def test_an_edited_object_can_be_parsed_again_by_the_same_limits() -> None:
    nested: object = 1
    for _ in range(31):
        nested = [nested]
    again = JsonObject.parse(JsonObject.parse(b"{}").edited({"a": nested}))
    assert again.members["a"] == nested
    with pytest.raises(JsonError, match="levels"):
        again.edited({"a": [nested]})


def test_a_name_cannot_be_set_and_removed() -> None:
    with pytest.raises(ValueError, match="set and removed at once: a"):
        JsonObject.parse(b"{}").edited({"a": 1}, ["a"])


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":"' + b"x" * 10_000_000 + b'"}',
        b'{"a":"' + b'\\"' * 300_000,
        b'{"a":' + b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"1" * 1_000_000 + b"}",
    ],
    ids=["10 MB", "unterminated string", "open lists", "open objects", "long integer"],
)
def test_T21_bombs_are_refused_quickly(data: bytes) -> None:
    started = time.process_time()
    code_of(data)
    assert time.process_time() - started < 0.05
