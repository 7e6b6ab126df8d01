"""What the vault keeps: every kind of record, the secret that leads to it, and what is in it."""

from __future__ import annotations

from typing import Final

ACCESS: Final = "access"
"""Under a re-issued access token: the server's own token, as it was issued."""
ID: Final = "id"
"""Under a re-issued ID token: the server's own ID token."""
OPAQUE: Final = "opaque"
"""Under an opaque token that was passed on: what hooks made of it, a JSON object of `claims` and `scope`."""
