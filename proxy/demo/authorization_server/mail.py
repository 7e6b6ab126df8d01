"""The mails that the authorization server sends."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol, TextIO

_KEPT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail; its text may hold a link that is as good as a password."""

    to: str
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Sends mails."""

    def send(self, mail: Mail) -> None: ...


class Mailbox:
    """Keeps the newest mails, for whoever looks into it."""

    def __init__(self) -> None:
        self.mails: deque[Mail] = deque(maxlen=_KEPT)

    def send(self, mail: Mail) -> None:
        self.mails.append(mail)


class PrintedMail:
    """Writes mails to a terminal: on a machine for trying, that is where they are read."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def send(self, mail: Mail) -> None:
        self._stream.write(f"mail to {mail.to}: {mail.text}\n")
        self._stream.flush()
