"""Phone numbers: E.164 in, E.164 out, and what may be told about one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from hookpoint.providers.errors import InvalidNumber, NumberRefused

TYPES: Final = {
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
NEVER: Final = frozenset({"premium", "shared_cost"})
"""Types that cost whoever sends to them; refused everywhere."""

# What a number is scrubbed to keep: enough to tell two apart in a log, too little to call one.
_HEAD, _TAIL = 3, 2


def masked(number: str) -> str:
    """The number with all but the first two and the last two digits hidden, for logs and reprs."""
    if len(number) < _HEAD + _TAIL + 4:
        return "…"
    return f"{number[:_HEAD]}…{number[-_TAIL:]}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Number:
    """A valid phone number; ``country`` is ISO 3166 alpha-2, or ``001`` for numbers of no country."""

    e164: str
    country: str
    calling_code: int
    type: str

    def __repr__(self) -> str:
        return f"Number({masked(self.e164)!r}, country={self.country!r}, type={self.type!r})"

    def __str__(self) -> str:
        return masked(self.e164)

    @property
    def digits(self) -> str:
        """The number without its plus sign, as some vendors want it."""
        return self.e164[1:]

    def prefix(self, length: int) -> str:
        """The plus sign, the calling code and the first ``length`` digits after it."""
        return self.e164[: 1 + len(str(self.calling_code)) + length]


def parse(text: str, *, default_region: str | None = None) -> Number:
    """Read a number in any usual notation; ``default_region`` (ISO 3166) is for numbers without a plus sign.

    Raises:
        InvalidNumber: not a number, or one that no numbering plan has. The error does not repeat the input.
    """
    try:
        number = phonenumbers.parse(text, default_region)
    except phonenumbers.NumberParseException:
        raise InvalidNumber("not a phone number") from None
    if number.extension or not phonenumbers.is_valid_number(number):
        raise InvalidNumber(f"no valid number under +{number.country_code}")
    return Number(
        e164=phonenumbers.format_number(number, PhoneNumberFormat.E164),
        country=phonenumbers.region_code_for_number(number) or "001",
        calling_code=number.country_code or 0,
        type=TYPES.get(phonenumbers.number_type(number), "unknown"),
    )


def locate(e164: str) -> Number:
    """What can be told of a number that somebody else has admitted: no plan may have it, as with vendors' test numbers.

    Raises:
        InvalidNumber: not even digits after a plus sign.
    """
    try:
        return parse(e164)
    except InvalidNumber:
        if not e164.startswith("+") or not e164[1:].isdecimal() or not e164.isascii():
            raise
        return Number(e164=e164, country="001", calling_code=0, type="unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPolicy:
    """Which numbers are served: ``countries`` lists the only ones allowed, ``denied_countries`` those never.

    ``always`` are served whatever they are: numbers made up for tests.
    """

    default_region: str | None = None
    countries: frozenset[str] | None = None
    denied_countries: frozenset[str] = frozenset()
    types: frozenset[str] | None = None
    always: frozenset[str] = frozenset()

    def check(self, text: str) -> Number:
        """Parse and admit a number.

        Raises:
            InvalidNumber: see :func:`parse`.
            NumberRefused: premium or shared cost, or outside of the lists.
        """
        if text in self.always:
            return locate(text)
        number = parse(text, default_region=self.default_region)
        if number.type in NEVER or (self.types is not None and number.type not in self.types):
            raise NumberRefused(f"{number} is of type {number.type}, which is not served")
        allowed = self.countries is None or number.country in self.countries
        if not allowed or number.country in self.denied_countries:
            raise NumberRefused(f"{number} is in {number.country}, which is not served")
        return number
