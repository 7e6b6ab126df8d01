"""Runs the hooks of a script: the event as Auth0 had it goes in, what comes out is what it meant there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from hookpoint.hooks.auth0 import actions
from hookpoint.hooks.auth0.answers import denial, token_changes, token_denial, user_changes
from hookpoint.hooks.auth0.bodies import BODIES
from hookpoint.hooks.auth0.claims import is_settable
from hookpoint.hooks.auth0.first_generation import first_changes, first_event
from hookpoint.hooks.errors import HookCrashed, InvalidResult
from hookpoint.hooks.javascript.cache import ActionCache
from hookpoint.hooks.javascript.channel import Message
from hookpoint.hooks.javascript.errors import CallLost, Described, ScriptError
from hookpoint.hooks.javascript.missing import install_hint
from hookpoint.hooks.javascript.pool import Pool
from hookpoint.hooks.javascript.script import Script
from hookpoint.hooks.javascript.scrubbing import confidential, scrubber
from hookpoint.hooks.points import AnyPoint, credentials_exchange, pre_user_registration, send_phone_message
from hookpoint.hooks.results import Delivered, Deny, TokenChanges, UserChanges

MAX_CLAIMS: Final = 100 * 1024
"""Bytes that all custom claims of one token may have together; more fails the transaction."""
CUSTOM_PHONE_PROVIDER: Final = "onExecuteCustomPhoneProvider"

Result = TokenChanges | UserChanges | Delivered | None

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One hook in a script: its kind (`hook`, `action`, `first-generation`), its export, and its point."""

    kind: str
    export: str
    point: AnyPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRunner:
    """Runs one function of a script; all functions of a script share its pool.

    `namespaced_only` is the rule for claims from before 28 July 2022.
    """

    name: str
    script: Script
    function: Function
    pool: Pool = field(repr=False)
    cache: ActionCache = field(repr=False)
    namespaced_only: bool = False

    async def start(self) -> None:
        """Begin to start the script's processes."""
        await self.pool.start()

    async def aclose(self) -> None:
        """End the script's processes."""
        await self.pool.aclose()

    async def run(self, event: Any) -> Result:
        """Call the function; raises Deny, HookCrashed and InvalidResult."""
        scrub = scrubber(confidential(event))
        try:
            reply = await self.pool.call(self._request(event), self._logger(scrub))
        except CallLost as lost:
            raise HookCrashed(self.name, scrub(str(lost))) from None
        if "tooLarge" in reply:
            raise InvalidResult(self.name, f"answered {reply['tooLarge']} characters, which is too much")
        if "crashed" in reply:
            raise self._crash(Described.of(reply["crashed"]), scrub)
        with _scrubbed(scrub):
            if "refused" in reply:
                raise self._refusal(Described.of(reply["refused"]), scrub)
            return self._result(event, reply.get("data"))

    def _request(self, event: Any) -> Message:
        function = self.function
        request: dict[str, Any] = {
            "export": function.export,
            "point": function.point.name,
            "secrets": event.secrets,
            "request": {
                "id": event.request.id,
                "headers": {
                    "host": event.request.hostname,
                    "user-agent": event.request.user_agent,
                    "accept-language": event.request.language,
                },
            },
        }
        if function.kind == "hook":
            return {**request, "body": BODIES[function.point](event)}
        if function.kind == "first-generation":
            return {**request, "event": first_event(function.point, event)}
        if function.export == CUSTOM_PHONE_PROVIDER:
            request["point"] = "custom-phone-provider"
        now, cache = self.cache.snapshot()
        return {**request, "event": actions.EVENTS[function.export](event), "now": now, "cache": cache}

    def _result(self, event: Any, data: object) -> Result:
        if self.function.kind == "action":
            return self._of_action(event, data if isinstance(data, Mapping) else {})
        if self.function.kind == "first-generation":
            returned = data.get("returned") if isinstance(data, Mapping) else None
            changes = first_changes(
                self.function.point,
                returned if isinstance(returned, Mapping) else {},
                namespaced_only=self.namespaced_only,
            )
            return self._checked(changes) if self.function.point is not send_phone_message else Delivered()
        return self._of_hook(data)

    def _of_hook(self, data: object) -> Result:
        point = self.function.point
        if point is send_phone_message:
            return Delivered(message_id=_message_id(data))
        if not point.results:
            return None
        if data is not None and not isinstance(data, Mapping):
            raise InvalidResult(self.name, "called back with something that is no object")
        answer: Mapping[str, Any] = data or {}
        if point is pre_user_registration:
            return user_changes(answer)
        self._log_ignored(answer)
        return self._checked(token_changes(answer, namespaced_only=self.namespaced_only))

    def _of_action(self, event: Any, data: Mapping[str, Any]) -> Result:
        self.cache.write(data.get("cache"))
        recorded = data.get("commands")
        commands = [each for each in recorded if isinstance(each, list) and each] if isinstance(recorded, list) else []
        point = self.function.point
        if point is credentials_exchange:
            self._log_ignored({values[0]: None for name, *values in commands if name == "claim" and values})
            return self._checked(actions.applied_to_token(event, commands, namespaced_only=self.namespaced_only))
        if point is pre_user_registration:
            return actions.applied_to_user(commands)
        if point is not send_phone_message:
            return None
        if commands:  # of a custom phone provider; the last one counts
            name, *values = commands[-1]
            raise HookCrashed(self.name, f"asked for {name}: {str(next(iter(values), ''))[:1024]}")
        return Delivered()

    def _checked(self, changes: Result) -> Result:
        if isinstance(changes, TokenChanges) and len(json.dumps(changes.claims)) > MAX_CLAIMS:
            raise InvalidResult(self.name, f"set claims of more than {MAX_CLAIMS // 1024} kB together")
        return changes

    def _log_ignored(self, answer: Mapping[Any, Any]) -> None:
        ignored = [
            str(name)[:200]
            for name in answer
            if name != "scope" and not is_settable(str(name), namespaced_only=self.namespaced_only)
        ]
        if ignored:
            log.info("hook_claims_ignored", hook=self.name, claims=ignored, reason="hooks cannot set them")

    def _refusal(self, error: Described, scrub: Callable[[str], str]) -> Exception:
        """What an error means that a hook called back with."""
        point = self.function.point
        if point is credentials_exchange:
            return token_denial(error.name, error.message)
        if point is pre_user_registration or error.name == "SendPhoneMessageError":
            return denial(error.message, error.friendly_message)
        crash = HookCrashed(self.name, scrub(f"called back with an error: {error.message}"))
        crash.__cause__ = ScriptError(error.stack or error.message)
        return crash

    def _crash(self, error: Described, scrub: Callable[[str], str]) -> HookCrashed:
        reason = f"raised {error.kind}: {error.message}" if error.kind else f"failed: {error.message}"
        if error.missing:
            reason = f"needs the module {error.missing!r}. {install_hint(self.script, error.missing)}"
        crash = HookCrashed(self.name, scrub(reason))
        crash.__cause__ = ScriptError(scrub(error.stack or error.message))
        return crash

    def _logger(self, scrub: Callable[[str], str]) -> Callable[[str, str], None]:
        def write(level: str, text: str) -> None:
            method = {"debug": log.debug, "warning": log.warning, "error": log.error}.get(level, log.info)
            method("hook_output", hook=self.name, text=scrub(text))

        return write


@contextlib.contextmanager
def _scrubbed(scrub: Callable[[str], str]) -> Iterator[None]:
    """A refusal goes to the log and to the client: it must not tell them what only the hook may know."""
    try:
        yield
    except Deny as deny:
        message = None if deny.user_message is None else scrub(deny.user_message)
        raise Deny(deny.code, scrub(deny.reason), message) from None


def _message_id(data: object) -> str:
    """The id of the sample in Auth0's documentation, or one of the names that vendors use."""
    if isinstance(data, Mapping):
        for name in ("MessageID", "message_id", "messageId", "sid"):
            if isinstance(found := data.get(name), str):
                return found
    return ""
