"""Sections [[sms.limits]], [sms.prices], [sms.budgets] and [[sms.test_numbers]]: what is refused before anybody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hookpoint.proxy.config.addresses import Network
from hookpoint.proxy.config.section import Count, Number, Section, refuse
from hookpoint.proxy.config.sms_routing import Country, Prefix, Share

Scope = Literal["number", "prefix", "ip", "user", "client", "country", "all"]
NumberType = Literal[
    "fixed", "mobile", "fixed_or_mobile", "toll_free", "voip", "personal", "pager", "uan", "voicemail", "unknown"
]
Money = Annotated[float, Number, Field(ge=0, le=1_000_000)]
Window = Annotated[int, Number, Field(ge=1, le=31 * 86_400)]
Messages = Annotated[int, Number, Field(ge=0, le=1_000_000_000)]


class SmsLimitSettings(Section):
    """At most so many messages, or so much money, in a window, for each number, prefix and so on; counted in the store."""

    scope: Scope = Field(examples=["number"])
    """What is counted separately; `ip` is the user's address, IPv6 by its /64; `all` is everything together."""

    messages: Messages | None = Field(default=None, examples=[5])
    """How many messages."""

    cost: Money | None = Field(default=None, examples=[100.0])
    """How much money, in the currency of `sms.prices`; instead of `messages`."""

    window: Window = Field(examples=[600])
    """Seconds."""

    calendar: bool = False
    """Whole windows since 1970 in UTC, such as days and hours, instead of the last `window` seconds."""

    enforced: bool = True
    """Otherwise it is only logged."""

    prefix_digits: Annotated[int, Number, Field(ge=1, le=12)] = 4
    """For `prefix`: how many digits after the country's code."""

    countries: tuple[Country, ...] = Field(default=(), examples=[["US"]])
    """Only for numbers of these countries; for all when there are none."""

    @model_validator(mode="after")
    def _counts_one_thing(self) -> Self:
        if (self.messages is None) == (self.cost is None):
            raise refuse("a limit counts either messages or cost", "Write messages = 5, for example.")
        return self


class SmsPriceSettings(Section):
    """What one part of a message costs, in a currency of your choice; for limits by cost."""

    default: Money = 0.0
    """In countries that are not listed."""

    by_country: Mapping[str, Money] = Field(default_factory=dict, examples=[{"DE": 0.07, "US": 0.008}])
    """By country (ISO 3166 alpha-2)."""


class SmsAllowanceSettings(Section):
    """How many codes that nobody has typed in are always fine, and which share of those typed in on top of that."""

    day: Messages | None = None
    """Codes a day."""

    hour: Messages | None = None
    """Codes an hour."""

    day_share: Share = 0.3
    """Of the codes typed in on the best day of the history, or today."""

    hour_share: Share = 0.2
    """Of a sixth of that day's, or of this hour's."""


class SmsBudgetSettings(Section):
    """Budgets of unverified codes by country and address, against toll fraud; they need the verified signal."""

    mode: Literal["record", "deny"] = "record"
    """`record` counts and logs, `deny` refuses; begin with the former until the signals arrive."""

    country: SmsAllowanceSettings = SmsAllowanceSettings()
    """For each country; 20 a day and 3 an hour when nothing is said."""

    ip: SmsAllowanceSettings = SmsAllowanceSettings()
    """For each address; 10 a day and 5 an hour when nothing is said."""

    history_days: Annotated[int, Number, Field(ge=1, le=14)] = 14
    """How many days back the best one is looked for."""

    exempt_countries: tuple[Country, ...] = Field(default=(), examples=[["DE"]])
    """Countries without budgets."""

    exempt_networks: tuple[Network, ...] = Field(default=(), examples=[["192.0.2.0/24"]])
    """Networks without budgets."""

    exempt_prefixes: tuple[Prefix, ...] = Field(default=(), examples=[["+4915"]])
    """Beginnings of numbers without budgets."""


class SmsTestNumberSettings(Section):
    """A number that nothing is ever sent to and that counts for no limit; callers are answered as if it were.

    Its codes are those that the server makes: whoever is to type them in reads them where `provider` keeps them.
    """

    number: Prefix = Field(examples=["+15005550006"])
    """E.164, with the plus sign."""

    until: date = Field(examples=["2027-03-31"])
    """The last day, in UTC; from then on it is a number like any other."""

    provider: str | None = Field(default=None, examples=["inbox"])
    """Who keeps its messages: a provider of type file or console. Without, they are dropped."""


class SmsGuardSettings(Section):
    """Which numbers are served, and how often."""

    default_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(default=None, examples=["DE"])
    """The country of numbers without one; without it, such numbers are refused."""

    countries: tuple[Country, ...] | None = Field(default=None, examples=[["DE", "AT", "CH"]])
    """The only countries that are served. Default: all."""

    denied_countries: tuple[Country, ...] = Field(default=(), examples=[["LV"]])
    """Countries that are never served."""

    number_types: tuple[NumberType, ...] | None = Field(default=None, examples=[["mobile", "fixed_or_mobile"]])
    """The only types of numbers that are served. Default: all but premium and shared-cost numbers, which never are."""

    limits: tuple[SmsLimitSettings, ...] | None = Field(
        default=None, examples=[[{"scope": "number", "messages": 5, "window": 600}]]
    )
    """Instead of the built-in ones: number 1 in 30 s, 5 in 10 min, 20 a day; user 20 a day; ip 10 a minute, 60 an hour; prefix
    100 an hour."""

    prices: SmsPriceSettings = SmsPriceSettings()
    """What messages cost."""

    budgets: SmsBudgetSettings | None = None
    """Budgets of unverified codes. Default: none."""

    test_numbers: tuple[SmsTestNumberSettings, ...] = Field(
        default=(), examples=[[{"number": "+15005550006", "until": "2027-03-31"}]]
    )
    """Numbers for tests."""

    many_parts: Count = 2
    """From how many parts on a message is warned about in the log."""
