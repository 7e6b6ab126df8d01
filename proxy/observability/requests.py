"""Request ids: what ties the log lines of one request together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def new_request_id(random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """Return a new id: 32 hexadecimal digits, 128 random bits."""
    return random_bytes(16).hex()
