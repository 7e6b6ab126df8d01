"""SMS, calls and WhatsApp messages by any provider: contract, routing, limits and delivery reports."""

from __future__ import annotations

from hookpoint.providers.errors import (
    CallbackRefused,
    InvalidNumber,
    LimitExceeded,
    Misconfigured,
    NoRoute,
    NotInstalled,
    NumberRefused,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Rejected,
    SmsError,
    Throttled,
    Unavailable,
    Unsupported,
)
from hookpoint.providers.message import Kind, Message, Receipt, Status, StatusUpdate
from hookpoint.providers.provider import Capabilities, SmsProvider
from hookpoint.providers.router import Attempt, Router, Sent
from hookpoint.providers.routes import Route
from hookpoint.providers.settings import setting

__all__ = [
    "Attempt",
    "CallbackRefused",
    "Capabilities",
    "InvalidNumber",
    "Kind",
    "LimitExceeded",
    "Message",
    "Misconfigured",
    "NoRoute",
    "NotInstalled",
    "NumberRefused",
    "OutcomeUnknown",
    "ProviderError",
    "Receipt",
    "Refused",
    "Rejected",
    "Route",
    "Router",
    "Sent",
    "SmsError",
    "SmsProvider",
    "Status",
    "StatusUpdate",
    "Throttled",
    "Unavailable",
    "Unsupported",
    "setting",
]
