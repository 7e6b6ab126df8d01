"""The parts that aiosmpplib lets its users replace: queue, observer, memory of sent requests, throttling.

Its own parts log texts, keep every message for days, and lose track of what was written when a connection breaks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Pending:
    """One submit_sm on its way; ``answer`` gets the SMSC's status and message id."""

    request: Any
    answer: asyncio.Future[tuple[int, str]]
    written: bool = False
    abandoned: bool = False


@dataclass(slots=True)
class Broker:
    """Hands messages to the session, in order, without those nobody waits for any more."""

    waiting: deque[Pending] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    taken: dict[int, Pending] = field(default_factory=dict)

    async def enqueue(self, message: Pending) -> None:
        self.waiting.append(message)
        self.arrived.set()

    async def dequeue(self) -> Any:
        while True:
            while self.waiting:
                pending = self.waiting.popleft()
                if not pending.abandoned:
                    self.taken[id(pending.request)] = pending
                    return pending.request
            self.arrived.clear()
            await self.arrived.wait()


@dataclass(slots=True)
class Observer:
    """Sees every message of the session; answers what :class:`Pending` waits for."""

    broker: Broker
    on_receipt: Callable[[dict[str, Any]], None]
    on_bind: Callable[[], None]
    by_sequence: dict[int, Pending] = field(default_factory=dict)
    bind_status: int | None = None
    bound: asyncio.Event = field(default_factory=asyncio.Event)

    async def sending(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        """Called right before the bytes are written; a ValueError here keeps them from being written."""
        del pdu, client_id
        pending = self.broker.taken.pop(id(smpp_message), None)
        if pending is None:
            return
        if pending.abandoned:
            raise ValueError("nobody waits for this message any more")
        pending.written = True
        self.by_sequence[smpp_message.sequence_num] = pending

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        del pdu, client_id
        if smpp_message is None:
            return
        command = smpp_message.smpp_command.name
        status = int(smpp_message.command_status)
        if command.startswith("BIND_"):
            self.bind_status = status
            self.on_bind()
            self.bound.set()
        elif command in ("SUBMIT_SM_RESP", "GENERIC_NACK"):
            pending = self.by_sequence.pop(smpp_message.sequence_num, None)
            if pending is not None and not pending.answer.done():
                pending.answer.set_result((status, getattr(smpp_message, "message_id", "")))
        elif command == "DELIVER_SM" and smpp_message.is_receipt():
            self.on_receipt(smpp_message.parse_receipt())

    async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:
        """Called when a message could not be encoded or written; the waiting send runs into its time limit."""
        del smpp_message, error, client_id


@dataclass(slots=True)
class Correlator:
    """Remembers requests until they are answered, and nothing longer: receipts name the message id we already know."""

    hook: Any = None
    client_id: str = ""
    sent: dict[int, Any] = field(default_factory=dict)

    async def put(self, smpp_message: Any) -> None:
        self.sent[smpp_message.sequence_num] = smpp_message

    async def get(self, response: Any) -> Any:
        return self.sent.pop(response.sequence_num, None)

    async def put_delivery(self, smsc_message_id: str, submit_sm: Any) -> None:
        del smsc_message_id, submit_sm

    async def get_delivery(self, receipt: Any) -> None:
        del receipt

    async def put_delivery_segmented(self, deliver_sm: Any) -> Any:
        return deliver_sm

    async def get_segmented(self, smpp_seq_num: int, remove: bool = False) -> tuple[None, int]:
        del smpp_seq_num, remove
        return None, 0


class Unthrottled:
    """Never waits: a throttled send is answered at once, so that the next provider can be tried."""

    async def throttled(self) -> None:
        """Told about a throttling answer."""

    async def not_throttled(self) -> None:
        """Told about any other answer."""

    async def allow_request(self) -> bool:
        return True

    async def throttle_delay(self) -> float:
        return 0.0
