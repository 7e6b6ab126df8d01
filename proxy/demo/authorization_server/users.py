"""The users that the authorization server knows, in memory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hookpoint.proxy.demo.authorization_server.passwords import PasswordHash, PasswordHasher
from hookpoint.proxy.demo.authorization_server.tokens import Clock

CONNECTION: Final = "Username-Password-Authentication"
PROVIDER: Final = "auth0"
PROFILE: Final = ("given_name", "family_name", "name", "nickname", "picture")


class UserExistsError(Exception):
    """The e-mail address or the user name is taken; `taken` says which."""

    def __init__(self, taken: str) -> None:
        super().__init__(f"The {taken} is taken.")
        self.taken = taken


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What somebody signs up with, or is created with."""

    email: str
    password: str = field(repr=False)
    username: str | None = None
    email_verified: bool = False
    profile: Mapping[str, str] = field(default_factory=dict)
    user_metadata: Mapping[str, Any] = field(default_factory=dict)
    app_metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One user; `id` has no prefix, times are in seconds since 1970."""

    id: str
    email: str
    username: str | None
    email_verified: bool
    profile: Mapping[str, str]
    user_metadata: Mapping[str, Any]
    app_metadata: Mapping[str, Any]
    password: PasswordHash = field(repr=False)
    created_at: float
    updated_at: float
    last_password_reset: float | None = None

    def get_user_id(self) -> str:
        """The `sub` of tokens, and the id in the Management API."""
        return f"{PROVIDER}|{self.id}"


class Users:
    """All users, found by id, e-mail address or user name; letter case makes no difference for the latter two."""

    def __init__(self, hasher: PasswordHasher, clock: Clock) -> None:
        self._hasher = hasher
        self._clock = clock
        self._users: dict[str, User] = {}
        self._ids: dict[str, str] = {}

    def get(self, user_id: str) -> User | None:
        """The user with that id, with or without its prefix."""
        return self._users.get(user_id.removeprefix(f"{PROVIDER}|"))

    def find(self, login: str) -> User | None:
        """The user with that e-mail address or user name."""
        return self._users.get(self._ids.get(login.casefold(), ""))

    async def create(self, new: NewUser) -> User:
        """Add a user. Raises UserExistsError, after as long as it takes to add one."""
        password = await self._hasher.hash(new.password)
        for taken, login in (("email", new.email), ("username", new.username)):
            if login is not None and login.casefold() in self._ids:
                raise UserExistsError(taken)
        now = self._clock()
        user = User(
            id=secrets.token_hex(12),
            email=new.email,
            username=new.username,
            email_verified=new.email_verified,
            profile=new.profile,
            user_metadata=new.user_metadata,
            app_metadata=new.app_metadata,
            password=password,
            created_at=now,
            updated_at=now,
        )
        self._users[user.id] = user
        self._ids.update((login.casefold(), user.id) for login in (new.email, new.username) if login is not None)
        return user

    async def authenticate(self, login: str, password: str) -> User | None:
        """The user whose password that is; it takes as long when there is no such user."""
        user = self.find(login)
        good = await self._hasher.matches(password, user.password if user else None)
        return user if good else None

    async def change_password(self, user: User, password: str) -> User:
        """Give a user another password."""
        kept = await self._hasher.hash(password)
        return self.update(user, password=kept, last_password_reset=self._clock())

    def update(self, user: User, **changes: Any) -> User:
        """Change fields of a user, but for those by which it is found."""
        updated = replace(self._users[user.id], **changes, updated_at=self._clock())
        self._users[user.id] = updated
        return updated
