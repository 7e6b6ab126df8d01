"""Everything that the routes of the authorization server work with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from hookpoint.proxy.demo.authorization_server.attempts import Attempts
from hookpoint.proxy.demo.authorization_server.codes import CodeSender
from hookpoint.proxy.demo.authorization_server.mail import Mailer
from hookpoint.proxy.demo.authorization_server.second_factors import SecondFactors
from hookpoint.proxy.demo.authorization_server.server import DemoAuthorizationServer
from hookpoint.proxy.demo.authorization_server.tokens import Clock
from hookpoint.proxy.demo.authorization_server.users import User, Users


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One authorization server with its users; `base` is the issuer without a slash at the end.

    `names_existing_users` answers a second sign-up with `user_exists`, which lets anybody find out who has an account.
    """

    base: str
    server: DemoAuthorizationServer
    users: Users
    factors: SecondFactors
    mailer: Mailer
    codes: CodeSender
    clock: Clock
    names_existing_users: bool = False
    logins: Attempts = field(init=False)
    reset_mails: Attempts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "logins", Attempts(most=10, window=900.0, clock=self.clock))
        object.__setattr__(self, "reset_mails", Attempts(most=5, window=3600.0, clock=self.clock))

    async def change_password(self, user: User, password: str) -> User:
        """Give a user another password, which ends what waited for a second factor and lifts the block of wrong ones."""
        changed = await self.users.change_password(user, password)
        self.factors.cancel(changed)
        self.logins.forget(changed.id)
        return changed

    def user_claims(self, user: User, scope: Collection[str]) -> dict[str, Any]:
        """What a scope lets a client know of a user (OpenID Connect Core 1.0 section 5.4)."""
        told: dict[str, Any] = dict(user.profile) if "profile" in scope else {}
        if "email" in scope:
            told |= {"email": user.email, "email_verified": user.email_verified}
        return told

    def profile(self, user: User) -> dict[str, Any]:
        """What may be said of a user besides the id."""
        named = {"email": user.email, "email_verified": user.email_verified, **user.profile}
        return named if user.username is None else {**named, "username": user.username}
