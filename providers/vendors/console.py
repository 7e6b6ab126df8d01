"""Shows messages instead of sending them. For development: codes are printed on purpose."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TextIO

from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities, SmsProvider
from hookpoint.providers.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """Where to print."""

    stream: Literal["stdout", "stderr"] = setting("stdout or stderr", default="stderr")


class Console(SmsProvider):
    """Prints each message."""

    settings_type: ClassVar[type[Any]] = ConsoleSettings
    capabilities = Capabilities(
        kinds=frozenset({"sms", "voice", "whatsapp"}),
        senders=frozenset({"number", "alphanumeric", "short_code"}),
    )

    def __init__(
        self,
        name: str = "console",
        settings: ConsoleSettings | None = None,
        *,
        stream: TextIO | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        super().__init__(name, settings)
        self._settings = settings or ConsoleSettings()
        self._stream = stream
        self._new_id = new_id

    async def send(self, message: Message) -> Receipt:
        """Print and call it delivered."""
        self.check(message)
        stream = self._stream or (sys.stdout if self._settings.stream == "stdout" else sys.stderr)
        id_ = self._new_id()
        stream.write(f"[{self.name}] {message.kind} to {message.recipient} ({id_})\n{message.text}\n")
        stream.flush()
        return Receipt(provider=self.name, id=id_, status=Status.DELIVERED)
