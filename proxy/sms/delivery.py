"""Delivers one phone message: numbers and limits, hooks, then providers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from hookpoint.hooks import (
    Chain,
    Delivered,
    Deny,
    HookFailed,
    HookTimedOut,
    MessageChanges,
    SendPhoneMessage,
    send_phone_message,
)
from hookpoint.providers import (
    LimitExceeded,
    Message,
    OutcomeUnknown,
    Rejected,
    Router,
    SmsError,
    Throttled,
    Unavailable,
    segments,
)
from hookpoint.providers import Refused as GuardRefused
from hookpoint.providers.guard import Admission, Guard, TestNumber
from hookpoint.providers.numbers import masked
from hookpoint.proxy.observability import redacting
from hookpoint.proxy.sms.deduplication import Deduplication
from hookpoint.proxy.sms.messages import Counted, MessageRecords
from hookpoint.proxy.sms.request import DeliveryRequest
from hookpoint.proxy.sms.results import (
    DeliveryResult,
    Denied,
    Failed,
    FailureCode,
    Refused,
    Sent,
    SentByHook,
    TestNumberUsed,
)
from hookpoint.proxy.sms.texts import Texts
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.store.errors import unavailable

HOOK: Final = "hook"
NOBODY: Final = "none"
"""In place of a provider's name, in metrics."""
_DEFAULT_PURPOSE: Final = "second-factor-authentication"
_FAILURES: Final[tuple[tuple[type[SmsError], FailureCode], ...]] = (
    (Rejected, "rejected"),
    (Throttled, "throttled"),
    (Unavailable, "unavailable"),
    (OutcomeUnknown, "unknown"),
)

log = structlog.get_logger(__name__)


class PhoneDelivery:
    """Delivers messages once, over hooks and providers, within the caller's time.

    The guard is asked before the hooks, so that limits hold for what hooks deliver themselves, and test numbers reach nobody; what
    was counted is given back when nothing was sent. `count` is told once for each message a provider, `hook` or `none`, and what
    came of it; the router's own attempts are counted by its observer. `clock` is monotonic.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        guard: Guard,
        router: Router,
        texts: Texts,
        deduplication: Deduplication,
        records: MessageRecords,
        count: Callable[[str, str], None] = lambda provider, outcome: None,
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._chain = chain
        self._guard = guard
        self._router = router
        self._texts = texts
        self._deduplication = deduplication
        self._records = records
        self._count = count
        self._clock = clock
        self._new_id = new_id

    async def deliver(self, request: DeliveryRequest, *, deadline: float) -> DeliveryResult:
        """Deliver a message; `deadline` is how many seconds the caller waits for the answer.

        Whatever goes wrong is in the result; the only exceptions are those of a cancelled call and of mistakes in hookpoint.
        """
        until = self._clock() + deadline
        try:
            if request.idempotency_key is None:
                return await self._deliver(request, until)
            return await self._deduplication.run(
                request.idempotency_key, lambda: self._deliver(request, until), timeout=deadline * 0.9
            )
        except StoreError as error:
            log.error("sms_store_failed", code=error.code, reason=str(error))
            return self._failed("unavailable", SmsError.public, retry_after=1.0)

    async def verified(self, recipient: str, *, ip: str | None = None) -> bool:
        """Somebody typed the right code in; returns whether the number is one that messages are sent to. Raises StoreError.

        `ip` is the address for which the message was asked for. Conversion budgets grow by it.
        """
        try:
            with unavailable():
                await self._guard.verified(recipient, ip=ip)
        except GuardRefused:
            return False
        return True

    async def undelivered(self, counted: Counted) -> None:
        """A message that was sent was not delivered: what it has counted for its delivery is given back. Raises StoreError."""
        with unavailable():
            await self._guard.give_back(counted.charges, at=counted.at)

    async def _deliver(self, request: DeliveryRequest, until: float) -> DeliveryResult:
        message = self._message(request)
        try:
            with unavailable():
                admission = await self._guard.admit(message)
        except GuardRefused as error:
            return self._refused(error)
        if admission.test is not None:
            return await self._keep(message, admission.test, until)
        message = admission.message
        with redacting(message.text, message.code or "", message.recipient[1:], request.recipient):
            return await self._deliver_admitted(request, admission, until)

    async def _keep(self, message: Message, test: TestNumber, until: float) -> DeliveryResult:
        """Let whoever keeps the messages to a test number have one; neither hooks nor limits hear of it."""
        log.info("sms_test_number", recipient=masked(test.number), provider=test.provider or NOBODY)
        if test.provider is not None:
            message = replace(message, recipient=test.number)
            try:
                await self._router.send(message, caller_timeout=max(0.0, until - self._clock()), provider=test.provider)
            except SmsError as error:
                return self._not_sent(error)
        self._count(test.provider or NOBODY, "test_number")
        return TestNumberUsed()

    async def _deliver_admitted(self, request: DeliveryRequest, admission: Admission, until: float) -> DeliveryResult:
        try:
            answer = await self._run_hooks(request, admission.message, until)
        except Deny as denial:
            await self._give_back(admission)
            self._count(HOOK, "denied")
            return Denied(code=denial.code, public=denial.user_message or denial.reason)
        except (HookTimedOut, TimeoutError):
            # It may have delivered the message before its time was over.
            return self._failed("unknown", OutcomeUnknown.public)
        except HookFailed:
            await self._give_back(admission)
            return self._failed("hook_failed", SmsError.public)
        if isinstance(answer, Delivered):
            self._count(HOOK, "sent")
            log.info("sms_sent_by_hook", recipient=masked(admission.message.recipient))
            return SentByHook(id=answer.message_id)
        changes = answer or MessageChanges()
        return await self._send(admission, changes, until, provider=changes.provider or request.provider)

    def _message(self, request: DeliveryRequest) -> Message:
        client = request.client.id if request.client is not None else None
        text = request.text or self._texts.render(
            request.code or "", purpose=request.purpose, language=request.language, client=client
        )
        key = request.idempotency_key
        return Message(
            recipient=request.recipient,
            text=text,
            code=request.code,
            kind=request.kind,
            purpose=request.purpose,
            language=request.language,
            client=client,
            user=request.user.id or None,
            ip=request.request.ip or None,
            reference=self._new_id() if key is None else self._deduplication.name(key)[:32],
        )

    async def _run_hooks(
        self, request: DeliveryRequest, message: Message, until: float
    ) -> MessageChanges | Delivered | None:
        if not self._chain.has_hooks(send_phone_message):
            return None
        event = SendPhoneMessage(
            recipient=message.recipient,
            text=message.text,
            code=message.code or "",
            kind=message.kind,
            purpose=message.purpose or _DEFAULT_PURPOSE,
            language=message.language,
            client=request.client,
            user=request.user,
            request=request.request,
        )
        async with asyncio.timeout(max(0.0, until - self._clock())):
            return (await self._chain.run(send_phone_message, event)).changes

    async def _send(
        self, admission: Admission, changes: MessageChanges, until: float, *, provider: str | None
    ) -> DeliveryResult:
        message = admission.message
        if changes.sender is not None:
            message = replace(message, sender=changes.sender)
        if changes.text is not None:
            message = replace(message, text=changes.text)
            try:
                admission = await self._readmit(admission, message)
            except GuardRefused as error:
                return self._refused(error)
        try:
            sent = await self._router.send(message, caller_timeout=max(0.0, until - self._clock()), provider=provider)
        except (Rejected, OutcomeUnknown) as error:
            return self._not_sent(error)
        except SmsError as error:
            await self._give_back(admission)
            return self._not_sent(error)
        try:
            counted = Counted(charges=tuple(each for each in admission.charges if each.for_delivery), at=admission.at)
            await self._records.add(sent.receipt, kind=sent.kind, country=admission.number.country, counted=counted)
        except StoreError as error:
            log.warning("sms_message_not_recorded", code=error.code, reason=str(error))
        receipt = sent.receipt
        self._count(receipt.provider, "sent")
        return Sent(provider=receipt.provider, id=receipt.id, status=receipt.status, kind=sent.kind)

    async def _readmit(self, admission: Admission, message: Message) -> Admission:
        """Count a text that hooks made longer or shorter for what it costs now."""
        if segments.count(message.text).parts == admission.parts:
            return admission
        await self._give_back(admission)
        with unavailable():
            return await self._guard.admit(message)

    async def _give_back(self, admission: Admission) -> None:
        try:
            with unavailable():
                await self._guard.give_back(admission.charges, at=admission.at)
        except StoreError as error:
            log.warning("sms_count_not_given_back", code=error.code, reason=str(error))

    def _refused(self, error: GuardRefused) -> Refused:
        retry_after = error.retry_after if isinstance(error, LimitExceeded) else None
        self._count(NOBODY, error.code)
        log.info("sms_refused", code=error.code, reason=str(error))
        return Refused(code=error.code, public=error.public, retry_after=retry_after)

    def _not_sent(self, error: SmsError) -> Failed:
        codes = [code for kind, code in _FAILURES if isinstance(error, kind)]
        retry_after = error.retry_after if isinstance(error, Throttled) else None
        return self._failed(
            codes[0] if codes else "misconfigured", error.public, reason=str(error), retry_after=retry_after
        )

    def _failed(self, code: FailureCode, public: str, *, reason: str = "", retry_after: float | None = None) -> Failed:
        self._count(NOBODY, code)
        log.error("sms_not_sent", code=code, reason=reason)
        return Failed(code=code, public=public, retry_after=retry_after)
