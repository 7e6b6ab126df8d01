"""Writes messages to a file that only its owner may read. For development: codes are stored on purpose."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hookpoint.providers.errors import Unavailable
from hookpoint.providers.message import Message, Receipt, Status
from hookpoint.providers.provider import Capabilities, SmsProvider
from hookpoint.providers.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """The file."""

    path: str = setting("file to append to, one JSON object for each line", path=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One line of the file; ``at`` is ISO 8601 in UTC."""

    id: str
    at: str
    recipient: str
    kind: str
    purpose: str
    sender: str | None
    text: str
    code: str | None


class File(SmsProvider):
    """Appends each message to a file with mode 0600; several processes may write to one file."""

    settings_type: ClassVar[type[Any]] = FileSettings
    capabilities = Capabilities(
        kinds=frozenset({"sms", "voice", "whatsapp"}),
        senders=frozenset({"number", "alphanumeric", "short_code"}),
    )

    def __init__(
        self,
        name: str,
        settings: FileSettings,
        *,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(name, settings)
        self.path = Path(settings.path)
        self._new_id = new_id
        self._now = now

    async def send(self, message: Message) -> Receipt:
        """Append and call it delivered."""
        self.check(message)
        id_ = self._new_id()
        line = {
            "id": id_,
            "at": self._now().isoformat(),
            "recipient": message.recipient,
            "kind": message.kind,
            "purpose": message.purpose,
            "sender": message.sender,
            "text": message.text,
            "code": message.code,
        }
        try:
            await asyncio.to_thread(self._append, json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Unavailable(f"cannot be written: {type(error).__name__}", provider=self.name) from None
        return Receipt(provider=self.name, id=id_, status=Status.DELIVERED)

    def _append(self, line: str) -> None:
        # One write to a descriptor opened for appending is not interleaved with another process's.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line.encode("utf-8"))
        finally:
            os.close(descriptor)


def read_inbox(path: Path) -> Iterator[Stored]:
    """The messages of a file, oldest first; none when there is no file yet."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Stored(**json.loads(line))
