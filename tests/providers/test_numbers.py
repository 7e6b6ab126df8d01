from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.providers.errors import InvalidNumber, NumberRefused
from hookpoint.providers.message import Message
from hookpoint.providers.numbers import NumberPolicy, locate, masked, parse


@pytest.mark.parametrize(
    ("text", "region", "e164", "country", "kind"),
    [
        ("+4915123456789", None, "+4915123456789", "DE", "mobile"),
        ("0151 23456789", "DE", "+4915123456789", "DE", "mobile"),
        ("tel:+1-201-555-0123", None, "+12015550123", "US", "fixed_or_mobile"),
        ("(201) 555-0123", "US", "+12015550123", "US", "fixed_or_mobile"),
        ("+1 416 555 0123", None, "+14165550123", "CA", "fixed_or_mobile"),
        ("+88216 1234 5678", None, "+8821612345678", "001", "voip"),
    ],
)
def test_numbers_become_e164(text: str, region: str | None, e164: str, country: str, kind: str) -> None:
    number = parse(text, default_region=region)
    assert (number.e164, number.country, number.type) == (e164, country, kind)
    assert number.digits == e164[1:]


@pytest.mark.parametrize(
    "text", ["", "abc", "0151 23456789", "+49", "+1 201 555 0123 ext. 7", "+999123456789", "1" * 300]
)
def test_what_is_no_number_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidNumber) as caught:
        parse(text)
    assert text == "" or text not in str(caught.value)


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (NumberPolicy(), "+49900112345678"[:13]),
        (NumberPolicy(), "+19002345678"),
        (NumberPolicy(), "+448431234567"),
        (NumberPolicy(countries=frozenset({"US", "CA"})), "+4915123456789"),
        (NumberPolicy(countries=frozenset()), "+12015550123"),
        (NumberPolicy(denied_countries=frozenset({"DE"})), "+4915123456789"),
        (NumberPolicy(types=frozenset({"mobile"})), "+493012345678"),
    ],
)
def test_numbers_that_are_not_served(policy: NumberPolicy, text: str) -> None:
    with pytest.raises((NumberRefused, InvalidNumber)) as caught:
        policy.check(text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", ["+19002345678", "+448431234567"])
def test_premium_and_shared_cost_are_never_served(text: str) -> None:
    with pytest.raises(NumberRefused, match=r"premium|shared_cost"):
        NumberPolicy(types=frozenset({"premium", "shared_cost"})).check(text)


def test_prefixes_begin_after_the_calling_code() -> None:
    assert parse("+4915123456789").prefix(4) == "+491512"
    assert parse("+12015550123").prefix(3) == "+1201"


def test_no_repr_shows_a_number() -> None:
    number = parse("+4915123456789")
    message = Message(recipient=number.e164, text="secret text", code="918273", user="user-4711", ip="203.0.113.9")
    for shown in (repr(number), str(number), repr(message)):
        assert "+49…89" in shown
        for hidden in (number.e164, number.digits, "secret", "918273", "4711", "203.0.113.9"):
            assert hidden not in shown


@given(st.text(max_size=30))
def test_masked_hides_at_least_four_signs(text: str) -> None:
    kept = masked(text)
    assert len(kept) <= 6
    assert len(text) - (len(kept) - 1) >= 4 or kept == "…"


@given(region=st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), kind=st.sampled_from([0, 1]))
def test_e164_is_a_fixed_point(region: str, kind: int) -> None:
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        return
    text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    number = parse(text)
    assert number.e164.startswith("+")
    assert number.e164[1:].isdecimal()
    assert parse(number.e164) == number


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_an_error(text: str) -> None:
    try:
        number = parse(text, default_region="US")
    except InvalidNumber:
        return
    assert phonenumbers.is_valid_number(phonenumbers.parse(number.e164))


def test_vendors_test_numbers_are_served_when_told() -> None:
    with pytest.raises(InvalidNumber):
        NumberPolicy().check("+10005550006")
    assert NumberPolicy(always=frozenset({"+10005550006"})).check("+10005550006").country == "001"


@pytest.mark.parametrize("text", ["15005550006", "+", "+1500x", "", "+١٢٣"])
def test_only_e164_can_be_located(text: str) -> None:
    with pytest.raises(InvalidNumber):
        locate(text)


def test_a_located_number_is_a_parsed_one_where_there_is_one() -> None:
    assert locate("+4915123456789") == parse("+4915123456789")
