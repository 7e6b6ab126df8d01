"""Hooks: the extensibility points, what hooks are told and what they answer, and the engine that runs them."""

from hookpoint.hooks.chain import Chain, HookRun, Observer, Outcome
from hookpoint.hooks.conditions import Conditions, When
from hookpoint.hooks.errors import (
    ClaimNotWritable,
    HookCrashed,
    HookDefinitionError,
    HookFailed,
    HooksError,
    HookTimedOut,
    InvalidResult,
    ScopeNotGrantable,
)
from hookpoint.hooks.events import (
    Client,
    Connection,
    CredentialsExchange,
    Event,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    Request,
    SendPhoneMessage,
    User,
)
from hookpoint.hooks.json import FrozenDict, JsonValue
from hookpoint.hooks.points import (
    POINTS,
    Point,
    credentials_exchange,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
)
from hookpoint.hooks.registry import Hook, Registry, hooks_of_functions, load_hooks
from hookpoint.hooks.results import Delivered, Deny, MessageChanges, TokenChanges, UserChanges
from hookpoint.hooks.rules import FROZEN_CLAIMS, default_rules

__all__ = [
    "FROZEN_CLAIMS",
    "POINTS",
    "Chain",
    "ClaimNotWritable",
    "Client",
    "Conditions",
    "Connection",
    "CredentialsExchange",
    "Delivered",
    "Deny",
    "Event",
    "FrozenDict",
    "Hook",
    "HookCrashed",
    "HookDefinitionError",
    "HookFailed",
    "HookRun",
    "HookTimedOut",
    "HooksError",
    "InvalidResult",
    "JsonValue",
    "MessageChanges",
    "Observer",
    "Outcome",
    "Point",
    "PostChangePassword",
    "PostUserRegistration",
    "PreUserRegistration",
    "Registry",
    "Request",
    "ScopeNotGrantable",
    "SendPhoneMessage",
    "TokenChanges",
    "User",
    "UserChanges",
    "When",
    "credentials_exchange",
    "default_rules",
    "hooks_of_functions",
    "load_hooks",
    "post_change_password",
    "post_user_registration",
    "pre_user_registration",
    "send_phone_message",
]
