"""Keeps messages in memory: the double for tests, here and in other people's suites."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable

from hookpoint.providers.errors import ProviderError
from hookpoint.providers.message import KINDS, Message, Receipt, Status
from hookpoint.providers.provider import Capabilities, SmsProvider


class Memory(SmsProvider):
    """Collects what it is given in ``messages``; ``failures`` are raised first, one for each send.

    An :class:`~hookpoint.providers.errors.OutcomeUnknown` among them is raised after the message was kept, as the vendor
    may have sent it.
    """

    capabilities = Capabilities(
        kinds=frozenset(KINDS), senders=frozenset({"number", "alphanumeric", "short_code"}), own_code=True
    )

    def __init__(
        self, name: str = "memory", settings: object | None = None, *, failures: Iterable[ProviderError | None] = ()
    ) -> None:
        super().__init__(name, settings)
        self.messages: list[Message] = []
        self.failures: deque[ProviderError | None] = deque(failures)
        self._ids = itertools.count(1)

    async def send(self, message: Message) -> Receipt:
        """Keep the message, or raise the next failure."""
        self.check(message)
        failure = self.failures.popleft() if self.failures else None
        if failure is None or failure.code == "outcome_unknown":
            self.messages.append(message)
        if failure is not None:
            raise failure
        return Receipt(provider=self.name, id=f"{self.name}-{next(self._ids)}", status=Status.DELIVERED)
