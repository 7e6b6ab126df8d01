"""Runs a hook that is a service: posts the event, reads the answer."""

from __future__ import annotations

import asyncio
import random
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from hookpoint import __version__
from hookpoint.hooks.errors import HookFailed, HookTimedOut
from hookpoint.hooks.http.breaker import Breaker
from hookpoint.hooks.http.errors import HookAnswerUnusable, HookCallFailed, HookUnreachable
from hookpoint.hooks.http.exchange import BadAnswer, Caller, NoAnswer, NotReached, RawAnswer, within
from hookpoint.hooks.http.formats.format import Answer, Codec, Facts, SaysFailed, Unsayable
from hookpoint.hooks.http.members import Unreadable
from hookpoint.hooks.http.remembered import Decision, Remembered, key_of
from hookpoint.hooks.http.signing import Credentials
from hookpoint.hooks.points import AnyPoint, credentials_exchange, pre_user_registration, token_issuance
from hookpoint.hooks.results import Deny
from hookpoint.hooks.strict_json import JsonError, JsonObject, write_json

MAX_REQUEST: Final = 256 * 1024
REPEATABLE: Final[tuple[AnyPoint, ...]] = (credentials_exchange, token_issuance, pre_user_registration)
"""Points where being asked twice does no harm: hooks decide there. A message must not go out twice, and deliveries are repeated elsewhere."""
_SPARE: Final = 0.05  # of the time limit, so that the hook's own end comes before the chain's
_PAUSE: Final = 0.05
_BUSY: Final = frozenset({429, 503})
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_HEADERS: Final = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("user-agent", f"hookpoint/{__version__}"),
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """`timeout` in seconds for all attempts; `retries` after the first, where they are safe."""

    timeout: float
    retries: int = 1


class HttpRunner:
    """Calls a service at one point in one format.

    `name` is the hook's. `remembered` is where good answers are kept, if they are. `now` gives seconds since 1970, `clock` is monotonic.
    """

    def __init__(
        self,
        name: str,
        point: AnyPoint,
        codec: Codec,
        caller: Caller,
        credentials: Credentials,
        *,
        policy: CallPolicy,
        breaker: Breaker | None = None,
        remembered: Remembered | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: f"msg_{uuid.uuid4().hex}",
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._point = point
        self._codec = codec
        self._caller = caller
        self._credentials = credentials
        self._policy = policy
        self._breaker = breaker or Breaker()
        self._remembered = remembered
        self._now, self._clock, self._new_id, self._draw = now, clock, new_id, draw

    async def start(self) -> None:
        """Open the pool of connections."""
        await self._caller.start()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._caller.aclose()

    async def run(self, event: Any) -> Any:
        """What the service answers. Raises Deny and HookFailed."""
        # Deliveries have an id of their own, the same at every attempt, whoever makes it.
        facts = Facts(id=self._new_id() if self._point.blocking else event.id, at=self._now())
        body = self._written(event, facts)
        if self._remembered is None:
            return self._decided(event, await self._ask(body, facts), facts).replay()
        key = key_of(event)
        try:
            answer = await self._ask(body, facts)
        except (HookUnreachable, HookCallFailed, HookTimedOut) as failure:
            return self._recalled(key, failure).replay()
        decision = self._decided(event, answer, facts)
        self._remembered.keep(key, decision)
        return decision.replay()

    def _written(self, event: Any, facts: Facts) -> bytes:
        try:
            body = write_json(self._codec.write_event(event, facts))
        except Unsayable as limit:
            raise HookFailed(self._name, f"was not called: {limit}") from None
        except JsonError as error:
            raise HookFailed(self._name, f"was not called: the event cannot be written: {error}") from None
        if len(body) > MAX_REQUEST:
            raise HookFailed(self._name, f"was not called: the event has more than {MAX_REQUEST} bytes")
        return body

    async def _ask(self, body: bytes, facts: Facts) -> Answer:
        end = self._clock() + self._policy.timeout * (1 - _SPARE)
        for attempt in range(self._policy.retries + 1):
            more = attempt < self._policy.retries
            try:
                raw = await self._call(body, facts, end)
            except HookUnreachable:
                pause = _PAUSE * (1 + self._draw())
                # The outbox repeats deliveries, with longer pauses.
                if not (more and self._point.blocking and self._breaker.closed and self._fits(pause, end)):
                    raise
            else:
                wait = self._wait_of(raw) if more and self._point in REPEATABLE else None
                if wait is None or not self._fits(wait, end):
                    return self._answer(raw)
                pause = wait
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _fits(self, pause: float, end: float) -> bool:
        return self._clock() + pause < end

    async def _call(self, body: bytes, facts: Facts, end: float) -> RawAnswer:
        """One attempt, with a signature of its own; the breaker learns how it went."""
        breaker = self._breaker
        if not breaker.enter():
            raise HookUnreachable(self._name, f"is left alone for a while: {breaker.failures} calls failed in a row")
        headers = [
            *_HEADERS,
            ("webhook-id", facts.id),
            *self._credentials.headers(body, replace(facts, at=self._now())),
        ]
        try:
            raw = await within(max(0.0, end - self._clock()), self._caller, body, headers)
        except NotReached as error:
            breaker.fail()
            raise HookUnreachable(self._name, f"was not reached: {error}") from None
        except NoAnswer as error:
            breaker.fail()
            raise HookCallFailed(self._name, f"was called and gave no answer: {error}") from None
        except TimeoutError:
            breaker.fail()
            raise HookTimedOut(self._name, f"did not answer within {self._policy.timeout:.3g} s") from None
        except BadAnswer as error:
            breaker.fail()
            raise HookAnswerUnusable(self._name, f"cannot be understood: {error}") from None
        except BaseException:
            breaker.leave()
            raise
        if raw.status in _BUSY or raw.status >= 500:
            breaker.fail()
        else:
            breaker.succeed()
        return raw

    def _wait_of(self, raw: RawAnswer) -> float | None:
        """How long a busy service wants to be left alone, in seconds; None when it does not say."""
        given = raw.headers.get("retry-after", "")
        return float(given) if raw.status in _BUSY and _SECONDS.fullmatch(given) else None

    def _answer(self, raw: RawAnswer) -> Answer:
        statuses = self._codec.statuses
        if raw.status in statuses.plain:
            return Answer(status=raw.status)
        if raw.status not in statuses.reading:
            moved = " (redirects are not followed)" if 300 <= raw.status < 400 else ""
            raise HookCallFailed(self._name, f"answered with status {raw.status}{moved}")
        if not raw.body:
            return Answer(status=raw.status)
        kind = raw.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise HookAnswerUnusable(self._name, f"answered with the content type {kind[:64]!r} in place of JSON")
        try:
            return Answer(status=raw.status, members=JsonObject.parse(raw.body).members)
        except JsonError as error:
            raise HookAnswerUnusable(self._name, f"answered with something that is no JSON object: {error}") from None

    def _decided(self, event: Any, answer: Answer, facts: Facts) -> Decision:
        try:
            return Decision(changes=self._codec.read_answer(event, answer, facts))
        except Deny as denial:
            return Decision(denial=(denial.code, denial.reason, denial.user_message))
        except SaysFailed as said:
            raise HookCallFailed(self._name, f"says that it failed: {said}") from None
        except Unreadable as error:
            raise HookAnswerUnusable(self._name, f"answered with what its format does not have: {error}") from None

    def _recalled(self, key: bytes, failure: HookFailed) -> Decision:
        assert self._remembered is not None
        found = self._remembered.find(key)
        if found is None:
            raise failure
        decision, age = found
        log.warning("hook_answer_reused", hook=self._name, code=failure.code, reason=failure.reason, age=round(age, 1))
        return decision
