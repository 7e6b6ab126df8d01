"""What the vault keeps: every kind of record, the secret that leads to it, and what is in it."""

from __future__ import annotations

from typing import Final

ACCESS: Final = "access"
"""Under a re-issued access token: the server's own token, as it was issued."""
ID: Final = "id"
"""Under a re-issued ID token: the server's own ID token."""
OPAQUE: Final = "opaque"
"""Under an opaque token that was passed on: what hooks made of it, a JSON object of `claims` and `scope`."""
LOST_ANSWER: Final = "lost_answer"
"""Under a refresh token and the client's credentials: the server's answer that a failing hook kept from the client."""
ADDED_SCOPE: Final = "added_scope"
"""Under a refresh token: the scopes that hooks added when it was issued, a JSON array."""
DELIVERY: Final = "delivery"
"""Under an idempotency key: what became of the phone message that was to be sent with it."""
