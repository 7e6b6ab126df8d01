"""Which provider sends a message, and what happens when it does not."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from hookpoint.providers.breaker import Breaker, State
from hookpoint.providers.errors import (
    Misconfigured,
    NoRoute,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    SmsError,
    Throttled,
    Unavailable,
    Unsupported,
)
from hookpoint.providers.message import Kind, Message, Receipt, StatusUpdate
from hookpoint.providers.numbers import locate, masked
from hookpoint.providers.provider import SmsProvider
from hookpoint.providers.routes import Route

log = structlog.get_logger(__name__)

MARGIN = 0.1
"""The part of the caller's own time limit that is kept back for answering it; at least a quarter of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one provider: for logs, metrics and the answer's explanation. ``outcome`` is ``sent`` or an error code."""

    provider: str
    kind: Kind
    country: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that some provider took, and what was tried before it."""

    receipt: Receipt
    kind: Kind
    attempts: tuple[Attempt, ...]


class Router:
    """Sends over the providers of the first matching route, in order, within one deadline; without routes, over all.

    ``deadline`` is in seconds. ``observe`` is told about every attempt. ``clock`` is monotonic; ``draw`` gives numbers in
    [0, 1) for weights.
    """

    def __init__(
        self,
        providers: Mapping[str, SmsProvider],
        routes: Sequence[Route] = (),
        *,
        deadline: float = 10.0,
        new_breaker: Callable[[], Breaker] = Breaker,
        observe: Callable[[Attempt], None] = lambda attempt: None,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.providers = dict(providers)
        self.routes = tuple(routes) or ((Route(providers=tuple(providers)),) if providers else ())
        missing = sorted({name for route in self.routes for name in route.providers} - set(providers))
        if missing:
            problems = tuple(f"a route names the unknown provider {name!r}" for name in missing)
            raise Misconfigured("; ".join(problems), problems=problems)
        self.deadline = deadline
        self.breakers = {name: new_breaker() for name in self.providers}
        self._observe, self._clock, self._draw = observe, clock, draw

    async def start(self) -> None:
        """Start all providers."""
        for provider in self.providers.values():
            await provider.start()

    async def stop(self) -> None:
        """Stop all providers, the last started first, whatever one of them raises."""
        results = [
            await asyncio.gather(provider.stop(), return_exceptions=True)
            for provider in reversed(self.providers.values())
        ]
        for name, (error,) in zip(reversed(self.providers), results, strict=True):
            if isinstance(error, BaseException):
                log.warning("sms_provider_did_not_stop", provider=name, error=type(error).__name__)

    async def send(self, message: Message, *, caller_timeout: float | None = None, provider: str | None = None) -> Sent:
        """Send a message once; ``caller_timeout`` is how long the caller itself waits, ``provider`` overrides the route.

        Raises:
            NoRoute: no provider is meant for it.
            Rejected: a provider will not take it, and the route stops there.
            OutcomeUnknown: it may have been sent; no other provider was asked, unless the route allows it.
            Throttled, Unavailable, Unsupported, Misconfigured: nobody took it, and this was the last one's reason.
            InvalidNumber: the recipient is not E.164.
        """
        until = self._clock() + self._budget(caller_timeout)
        attempts: list[Attempt] = []
        failure: SmsError | None = None
        for route, tried in self._plans(message, provider):
            try:
                receipt = await self._try_route(tried, route, until, attempts)
            except (OutcomeUnknown, Rejected):
                raise
            except SmsError as error:
                # A later kind that nobody serves says less than why the wanted one failed.
                failure = error if failure is None or not isinstance(error, Unsupported | NoRoute) else failure
                continue
            return Sent(receipt=receipt, kind=tried.kind, attempts=tuple(attempts))
        raise failure or NoRoute(f"no provider for {message.kind} to {masked(message.recipient)}")

    def report(self, update: StatusUpdate) -> None:
        """Feed a later status into the provider's breaker."""
        breaker = self.breakers.get(update.provider)
        if breaker is not None:
            breaker.report(update.status)

    def states(self) -> dict[str, State]:
        """The state of each provider's breaker."""
        return {name: breaker.state for name, breaker in self.breakers.items()}

    def _budget(self, caller_timeout: float | None) -> float:
        if caller_timeout is None:
            return self.deadline
        return min(self.deadline, max(0.0, caller_timeout - max(0.25, caller_timeout * MARGIN)))

    def _plans(self, message: Message, provider: str | None) -> Iterator[tuple[Route, Message]]:
        """The route of the message, then those of the kinds it falls back to."""
        if provider is not None:
            if provider not in self.providers:
                raise NoRoute(f"unknown provider {provider!r}")
            yield Route(providers=(provider,)), message
            return
        number = locate(message.recipient)
        first = next((route for route in self.routes if route.matches(message, number)), None)
        if first is None:
            return
        yield first, message
        for kind in first.fallback_kinds:
            other = replace(message, kind=kind, sender=None)
            route = next((route for route in self.routes if route.matches(other, number)), None)
            if route is not None:
                yield route, other

    async def _try_route(self, message: Message, route: Route, until: float, attempts: list[Attempt]) -> Receipt:
        failure: ProviderError | None = None
        for name in route.order(self._draw):
            if message.kind not in self.providers[name].capabilities.kinds:
                failure = failure or Unsupported(f"cannot send {message.kind}", provider=name)
                continue
            if self._clock() >= until:
                raise failure or Unavailable("no time was left", provider=name)
            breaker = self.breakers[name]
            if not breaker.enter():
                failure = failure or Unavailable("is left alone after failures", provider=name)
                continue
            try:
                return await self._attempt(name, message, until, attempts)
            except Rejected as error:
                if not route.next_after_rejection:
                    raise
                failure = error
            except OutcomeUnknown as error:
                if not route.resend_after_unknown:
                    raise
                failure = error
            except ProviderError as error:
                failure = error
        raise failure or NoRoute(f"no provider for {message.kind}")

    async def _attempt(self, name: str, message: Message, until: float, attempts: list[Attempt]) -> Receipt:
        """One send, judged for the breaker and recorded; an error that is no ProviderError has an unknown outcome."""
        started = self._clock()
        outcome = "cancelled"
        breaker = self.breakers[name]
        try:
            try:
                async with asyncio.timeout(until - started):
                    receipt = await self.providers[name].send(message)
            except TimeoutError:
                raise OutcomeUnknown("the deadline passed", provider=name) from None
            except SmsError:
                raise
            except Exception as error:
                log.exception("sms_provider_crashed", provider=name)
                raise OutcomeUnknown(f"crashed: {type(error).__name__}", provider=name) from None
            outcome = "sent"
            breaker.succeed()
        except SmsError as error:
            outcome = error.code
            _judge(breaker, error)
            raise
        except BaseException:
            breaker.leave()
            raise
        else:
            return receipt
        finally:
            country = locate(message.recipient).country
            attempt = Attempt(
                provider=name, kind=message.kind, country=country, outcome=outcome, seconds=self._clock() - started
            )
            attempts.append(attempt)
            log.info(
                "sms_attempt",
                provider=name,
                kind=message.kind,
                country=country,
                outcome=outcome,
                recipient=masked(message.recipient),
            )
            self._observe(attempt)


def _judge(breaker: Breaker, error: SmsError) -> None:
    if isinstance(error, Throttled) and error.retry_after is None:
        # Perhaps only this recipient's limit: nobody may close a provider for all by pestering one number.
        breaker.leave()
    elif isinstance(error, Throttled):
        breaker.fail(wait=error.retry_after)
    elif isinstance(error, Rejected | Unsupported):
        # The provider works: it was this message that it did not want.
        breaker.succeed()
    else:
        breaker.fail()
