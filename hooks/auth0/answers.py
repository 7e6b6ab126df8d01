"""What Auth0's hooks answer, as results of hookpoint's points.

Values are taken as they come: the rules of each point judge them. Source: auth0/docs, articles/hooks/extensibility-points.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hookpoint.hooks.auth0.claims import is_settable
from hookpoint.hooks.results import Deny, TokenChanges, UserChanges

REFUSED: Final = "access_denied"
# By the name of the error class; all other errors of a credentials-exchange hook are `server_error`.
_TOKEN_ERRORS: Final = {"InvalidRequestError": "invalid_request", "InvalidScopeError": "invalid_scope"}


def token_changes(answer: Mapping[str, Any], *, namespaced_only: bool = False) -> TokenChanges:
    """The changes of a credentials-exchange hook: `scope` is the whole scope, and none where it is left out."""
    claims = {
        name: value
        for name, value in answer.items()
        if name != "scope" and is_settable(name, namespaced_only=namespaced_only)
    }
    return TokenChanges(claims=claims, scope=answer.get("scope") or ())


def user_changes(answer: Mapping[str, Any]) -> UserChanges | None:
    """The changes of a pre-user-registration hook: metadata of `user`, and nothing else of it."""
    user = answer.get("user")
    if not isinstance(user, Mapping):
        return None
    return UserChanges(user_metadata=user.get("user_metadata") or {}, app_metadata=user.get("app_metadata") or {})


def token_denial(name: str, message: str) -> Deny:
    """What an error of a credentials-exchange hook means."""
    return Deny(_TOKEN_ERRORS.get(name, "server_error"), message)


def denial(message: str, friendly_message: str | None = None) -> Deny:
    """What an error of a hook at the other points means: the message for the log, the friendly one for the user."""
    return Deny(REFUSED, message, friendly_message)
