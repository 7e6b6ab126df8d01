"""The clients that the authorization server knows (RFC 6749 section 2)."""

# mypy: allow-subclassing-any

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import ClientMixin
from joserfc.jwk import KeySet

CLIENT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(ClientMixin):
    """A confidential client: it proves itself with `secret`, or with a key of which `public_keys` holds the public part.

    `scopes` is all it may be granted, and is granted when it asks for none. `audiences` are the resources it may ask a token
    for, the first being the default. `may_introspect` lets it ask about the tokens of others, as a resource server has to.
    `second_factor` asks each user who logs in through it for one.
    """

    client_id: str
    name: str = ""
    secret: str | None = field(default=None, repr=False)
    public_keys: KeySet | None = None
    scopes: frozenset[str] = frozenset()
    audiences: tuple[str, ...] = ()
    grant_types: frozenset[str] = frozenset({"client_credentials"})
    may_introspect: bool = False
    second_factor: bool = False

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scope to grant, or None when a scope was asked for that the client may not have (RFC 6749 section 3.3)."""
        requested = dict.fromkeys((scope or "").split())
        if not requested:
            return " ".join(sorted(self.scopes))
        return " ".join(requested) if requested.keys() <= self.scopes else None

    def get_granted_scope(self, scope: str | None) -> str:
        """What of a scope a user's token gets: what the client may not have is left out, as Auth0 does it."""
        return " ".join(each for each in dict.fromkeys((scope or "").split()) if each in self.scopes)

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret is not None and secrets.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """One way of proving itself for every endpoint: by key if it has one, else by secret."""
        return (method == "private_key_jwt") == (self.public_keys is not None)

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types
