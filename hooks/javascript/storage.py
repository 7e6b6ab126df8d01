"""`context.webtask.storage`: one JSON value for each script, for as long as hookpoint runs."""

from __future__ import annotations

import json
from typing import Any, Final

from hookpoint.hooks.javascript.channel import Message

MAX_BYTES: Final = 500 * 1024


class Storage:
    """The value and its etag, a number that grows with every write."""

    def __init__(self) -> None:
        self._data: Any = None
        self._etag = 0

    def answer(self, question: Message) -> Message:
        """Read or write: a write must name the etag of what is there, or use force; otherwise it is a conflict."""
        if question.get("storage") == "set":
            if not question.get("force") and question.get("etag") != self._etag:
                return {"conflict": True, "data": self._data}
            if len(json.dumps(question.get("data"))) > MAX_BYTES:
                return {"conflict": True, "data": None}
            self._data = question.get("data")
            self._etag += 1
        return {"data": self._data, "etag": self._etag}
