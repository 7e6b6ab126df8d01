"""Events as they are stored: JSON, sealed where there is a secret to seal with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from hookpoint.hooks.deliveries.database import Sealer
from hookpoint.hooks.deliveries.errors import PayloadUnreadable
from hookpoint.hooks.events import PostChangePassword, PostUserRegistration
from hookpoint.hooks.points import POINTS, AnyPoint
from hookpoint.hooks.wire import EventFormatError, event_from_json, event_to_json

DurableEvent: TypeAlias = PostUserRegistration | PostChangePassword
"""The events whose hooks run after the answer; each has an `id`."""

_POINTS: Final[Mapping[type, AnyPoint]] = {point.event: point for point in POINTS.values() if not point.blocking}


def point_of(event: DurableEvent) -> AnyPoint:
    """The point at which an event's hooks are."""
    return _POINTS[type(event)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An event, and what finds out about its outcome; the latter is gone once that is known."""

    event: DurableEvent
    lookup: Mapping[str, str] = field(default_factory=dict, repr=False)


class Codec:
    """Turns payloads into columns and back; without a sealer they stand there in clear."""

    def __init__(self, sealer: Sealer | None = None) -> None:
        self._sealer = sealer

    def columns(self, payload: Payload) -> dict[str, str | None]:
        """The columns `payload` and `seal`."""
        members = {"event": event_to_json(payload.event), "lookup": dict(payload.lookup)}
        text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
        if self._sealer is None:
            return {"payload": text, "seal": None}
        return {"payload": self._sealer.seal(text, place=payload.event.id), "seal": self._sealer.id}

    def payload(self, point: str, event_id: str, text: str, seal: str | None) -> Payload:
        """What was stored; raises PayloadUnreadable."""
        if seal is not None:
            if self._sealer is None:
                raise PayloadUnreadable("the event was sealed, and there is no secret to open it with (store.seal)")
            text = self._sealer.open(text, place=event_id, seal=seal)
        try:
            members = json.loads(text)
            event = event_from_json(POINTS[point].event, members["event"])
            return Payload(event=event, lookup=members["lookup"])
        except (EventFormatError, KeyError, TypeError, ValueError) as error:
            raise PayloadUnreadable(f"the stored event cannot be read: {error}") from error

    def digest(self, subject: str) -> bytes:
        """What stands for a subject in the database."""
        return hashlib.sha256(subject.encode()).digest() if self._sealer is None else self._sealer.digest(subject)
