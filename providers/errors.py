"""Everything that can go wrong between a message and a phone.

    SmsError
    ├── Refused              refused here, before any provider was asked
    │   ├── InvalidNumber        no valid E.164 number
    │   ├── NumberRefused        a number type or country that is not served
    │   └── LimitExceeded        a rate limit, cap or budget; carries retry_after
    ├── ProviderError        a provider's answer; carries provider, provider_code, detail
    │   ├── Rejected             this message will not be taken: stop
    │   ├── Throttled            too fast for this provider: wait retry_after or try the next
    │   ├── Unavailable          certainly not sent: try the next
    │   ├── OutcomeUnknown       perhaps sent: never send again unless allowed
    │   ├── Unsupported          this provider cannot do it: try the next
    │   └── Misconfigured        an operator must act: certainly not sent
    │       └── NotInstalled         an optional package is missing
    ├── NoRoute              no provider is configured for this message
    └── CallbackRefused      a delivery report that is not genuine, or not readable

``str(error)`` is for operators, ``error.public`` is for clients. Neither ever holds a code, a text or a full number.
"""

# ruff: noqa: N818 - the names say what happened to the message, as the routing reads them

from __future__ import annotations

from typing import ClassVar


class SmsError(Exception):
    """Base of all errors of this package; ``code`` is stable, ``public`` may be shown to anybody."""

    code: ClassVar[str] = "sms_error"
    public: ClassVar[str] = "The message could not be sent."


class Refused(SmsError):
    """The message was refused before any provider was asked."""

    code = "refused"


class InvalidNumber(Refused):
    """The recipient is no valid phone number."""

    code = "invalid_number"
    public = "The phone number is not valid."


class NumberRefused(Refused):
    """The number is valid, but its type or country is not served."""

    code = "number_refused"
    public = "Messages to this phone number are not supported."


class LimitExceeded(Refused):
    """A rate limit, cap or budget is used up; ``retry_after`` is in seconds."""

    code = "limit_exceeded"
    public = "Too many messages. Try again later."

    def __init__(self, limit: str, *, retry_after: float) -> None:
        super().__init__(f"{limit} is used up for {retry_after:.0f} s")
        self.limit = limit
        self.retry_after = retry_after


class ProviderError(SmsError):
    """A provider's answer other than success; ``provider_code`` is the vendor's own code, if it gave one."""

    code = "provider_error"

    def __init__(self, detail: str, *, provider: str = "", provider_code: str = "") -> None:
        self.provider = provider
        self.provider_code = provider_code
        self.detail = detail
        super().__init__(detail)

    def __str__(self) -> str:
        head = self.provider or "provider"
        return f"{head}: {self.detail}" + (f" ({self.provider_code})" if self.provider_code else "")


class Rejected(ProviderError):
    """The provider will not take this message; another try would not change that."""

    code = "rejected"


class Throttled(ProviderError):
    """The provider wants fewer messages; ``retry_after`` is in seconds, None when it did not say."""

    code = "throttled"
    public = "Too many messages. Try again later."

    def __init__(
        self, detail: str, *, retry_after: float | None = None, provider: str = "", provider_code: str = ""
    ) -> None:
        super().__init__(detail, provider=provider, provider_code=provider_code)
        self.retry_after = retry_after


class Unavailable(ProviderError):
    """The provider was not reached or took nothing: the message was certainly not sent."""

    code = "unavailable"


class OutcomeUnknown(ProviderError):
    """The request went out and its answer was lost: the message may or may not be on its way."""

    code = "outcome_unknown"
    public = "The message may be on its way."


class Unsupported(ProviderError):
    """The provider cannot express what the message asks for."""

    code = "unsupported"


class Misconfigured(ProviderError):
    """Settings, credentials or the vendor's account need an operator; ``problems`` lists all of them."""

    code = "misconfigured"

    def __init__(
        self, detail: str, *, problems: tuple[str, ...] = (), provider: str = "", provider_code: str = ""
    ) -> None:
        self.problems = problems or (detail,)
        super().__init__(detail, provider=provider, provider_code=provider_code)


class NotInstalled(Misconfigured):
    """An optional package is missing; the message says what to install."""

    code = "not_installed"


class NoRoute(SmsError):
    """No configured provider is meant for this message."""

    code = "no_route"


class CallbackRefused(SmsError):
    """A delivery report without a valid signature, or one that cannot be read."""

    code = "callback_refused"
    public = "The callback was refused."
