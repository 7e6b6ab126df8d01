"""The first Actions: `module.exports = async (event, context)`, which return what is to be changed.

Source: auth0/docs-v2, main/docs/customize/actions. Their events are those of later Actions, but for the two that differed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hookpoint.hooks.auth0 import actions
from hookpoint.hooks.auth0.answers import user_changes
from hookpoint.hooks.auth0.bodies import BODIES
from hookpoint.hooks.auth0.claims import is_settable
from hookpoint.hooks.points import AnyPoint, credentials_exchange, pre_user_registration, send_phone_message
from hookpoint.hooks.results import Deny, TokenChanges, UserChanges

Members = dict[str, Any]
_FUNCTION_OF = {
    point: name for name, point in actions.FUNCTIONS.items() if point not in (credentials_exchange, send_phone_message)
}


def first_event(point: AnyPoint, event: Any) -> Members:
    """The event that such an Action is given."""
    if point is credentials_exchange:
        body = BODIES[point](event)
        client = {name: value for name, value in body["client"].items() if name != "tenant"}
        return {
            "actor": {"client_id": event.client.id},
            "audience": event.audience,
            "client": client,
            "scope": sorted(event.scope),
            "tenant": body["client"]["tenant"],
        }
    if point is send_phone_message:
        body = BODIES[point](event)
        return {**body["context"], "recipient": body["recipient"], "text": body["text"]}
    return actions.EVENTS[_FUNCTION_OF[point]](event)


def first_changes(
    point: AnyPoint, returned: Mapping[str, Any], *, namespaced_only: bool
) -> TokenChanges | UserChanges | None:
    """What such an Action returned, as changes; raises Deny."""
    command = returned.get("command")
    if isinstance(command, Mapping) and command.get("type") == "deny":
        message, reason = command.get("message"), command.get("reason")
        raise Deny("access_denied", str(reason or message or "denied"), str(message) if message else None)
    if point is credentials_exchange:
        return _token_changes(returned, namespaced_only=namespaced_only)
    return user_changes(returned) if point is pre_user_registration else None


def _token_changes(returned: Mapping[str, Any], *, namespaced_only: bool) -> TokenChanges | None:
    given = returned.get("customClaims")
    claims = {
        name: value
        for name, value in (given.items() if isinstance(given, Mapping) else ())
        if is_settable(name, namespaced_only=namespaced_only)
    }
    scope = returned.get("scope")
    return TokenChanges(claims=claims, scope=scope) if claims or scope is not None else None
