"""Sections [[sms.routes]] and [sms.breaker]: which provider sends a message, and when one is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hookpoint.proxy.config.section import Count, Number, Seconds, Section, refuse

Country = Annotated[str, Field(pattern=r"^([A-Z]{2}|001)$")]
Prefix = Annotated[str, Field(pattern=r"^\+[0-9]{1,14}$")]
MessageKind = Literal["sms", "voice", "whatsapp"]
Share = Annotated[float, Number, Field(ge=0, le=1)]


class SmsRouteSettings(Section):
    """One route: the first whose conditions all hold decides; without any route, all providers are asked in their order."""

    providers: tuple[str, ...] = Field(min_length=1, examples=[["main", "second"]])
    """Names of providers, in the order in which they are asked."""

    countries: tuple[Country, ...] = Field(default=(), examples=[["DE", "AT"]])
    """Countries of the number (ISO 3166 alpha-2; `001` for numbers of no country)."""

    prefixes: tuple[Prefix, ...] = Field(default=(), examples=[["+4915"]])
    """Beginnings of the number."""

    purposes: tuple[str, ...] = Field(default=(), examples=[["second-factor-authentication"]])
    """Purposes of the message."""

    kinds: tuple[MessageKind, ...] = Field(default=(), examples=[["voice"]])
    """Kinds of the message."""

    clients: tuple[str, ...] = Field(default=(), examples=[["web-*"]])
    """Globs (`*` for any characters) on the client's id."""

    weights: Mapping[str, Annotated[float, Number, Field(ge=0)]] = Field(
        default_factory=dict, examples=[{"main": 3, "second": 1}]
    )
    """By name, in which proportion providers are asked first; the others follow in their order."""

    next_after_rejection: bool = False
    """Ask the next provider when one rejects the message. Nothing was sent, but the reason is usually the number."""

    resend_after_unknown: bool = False
    """Ask the next provider although the message may be on its way. Somebody may get two."""

    fallback_kinds: tuple[MessageKind, ...] = Field(default=(), examples=[["voice"]])
    """Kinds to try, by their own routes, when nobody took this one."""

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if unknown := sorted(set(self.weights) - set(self.providers)):
            raise refuse(
                f"there are weights for {', '.join(unknown)}, which this route does not ask", "Correct the names."
            )
        if self.weights and not any(self.weights.values()):
            raise refuse("all weights are 0", "Give at least one provider a weight.")
        return self


class SmsBreakerSettings(Section):
    """When a provider that fails is left alone; each worker judges by what it sees itself."""

    threshold: Count = 3
    """Failures in a row."""

    cooldown: Seconds = 30.0
    """How long it is left alone; then one message tries it. Doubles with each trial that fails."""

    longest: Seconds = 600.0
    """The longest that it is left alone."""

    undelivered: Share = 0.5
    """Which share of the last messages may be reported as not delivered."""

    sample: Count = 20
    """How many messages that share is taken of."""
