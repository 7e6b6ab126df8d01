"""Proof keys for code exchange (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofKey:
    """What one authorization request is tied to its token request by."""

    verifier: str = field(repr=False)

    @property
    def challenge(self) -> dict[str, str]:
        """The parameters of the authorization request."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return {"code_challenge": challenge, "code_challenge_method": "S256"}


def new_proof_key() -> ProofKey:
    """Return a key for one sign-in."""
    return ProofKey(verifier=secrets.token_urlsafe(48))
