"""FastAPI Users with users in memory: registration, login, reset of passwords, and the routers of users."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import BaseUserDatabase
from pydantic import Field
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from tests.partners.servers.loopback import bind, open_control, read_settings

counts: Counter[str] = Counter()
mails: list[dict[str, str]] = []
_SECRET = secrets.token_hex()


@dataclass(slots=True, kw_only=True)
class User:
    """A user; the metadata is this application's own idea."""

    id: uuid.UUID
    email: str
    hashed_password: str
    is_active: bool = True
    is_superuser: bool = False
    is_verified: bool = False
    user_metadata: dict[str, Any] = field(default_factory=dict)
    app_metadata: dict[str, Any] = field(default_factory=dict)


class UserRead(schemas.BaseUser[uuid.UUID]):
    """What clients see."""

    user_metadata: dict[str, Any] = Field(default_factory=dict)
    app_metadata: dict[str, Any] = Field(default_factory=dict)


class UserCreate(schemas.BaseUserCreate):
    """What registration takes."""

    user_metadata: dict[str, Any] = Field(default_factory=dict)
    app_metadata: dict[str, Any] = Field(default_factory=dict)


class UserUpdate(schemas.BaseUserUpdate):
    """What a change takes."""


class Users(BaseUserDatabase[User, uuid.UUID]):
    """All users, in memory."""

    def __init__(self) -> None:
        self._users: dict[uuid.UUID, User] = {}

    async def get(self, id: uuid.UUID) -> User | None:  # noqa: A002 - the library's name
        return self._users.get(id)

    async def get_by_email(self, email: str) -> User | None:
        return next((user for user in self._users.values() if user.email.lower() == email.lower()), None)

    async def create(self, create_dict: dict[str, Any]) -> User:
        user = User(id=uuid.uuid4(), **create_dict)
        self._users[user.id] = user
        return user

    async def update(self, user: User, update_dict: dict[str, Any]) -> User:
        for name, value in update_dict.items():
            setattr(user, name, value)
        return user

    async def delete(self, user: User) -> None:
        del self._users[user.id]


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    """Keeps mails instead of sending them."""

    reset_password_token_secret = _SECRET
    verification_token_secret = _SECRET

    async def on_after_forgot_password(self, user: User, token: str, request: Request | None = None) -> None:
        mails.append({"to": user.email, "token": token})


users = Users()


async def user_manager() -> AsyncIterator[UserManager]:
    yield UserManager(users)


def strategy() -> JWTStrategy[User, uuid.UUID]:
    return JWTStrategy(secret=_SECRET, lifetime_seconds=3600)


def create_app(secret: tuple[str, str]) -> FastAPI:
    """The application behind the secret header; it counts the endpoints that ran."""
    backend = AuthenticationBackend(
        name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=strategy
    )
    library = FastAPIUsers[User, uuid.UUID](user_manager, [backend])

    async def count(request: Request) -> None:
        counts[request.scope["endpoint"].__name__ + ":" + request.method] += 1

    app = FastAPI(dependencies=[Depends(count)])
    app.include_router(library.get_auth_router(backend), prefix="/auth/jwt")
    app.include_router(library.get_register_router(UserRead, UserCreate), prefix="/auth")
    app.include_router(library.get_reset_password_router(), prefix="/auth")
    app.include_router(library.get_users_router(UserRead, UserUpdate), prefix="/users")

    class Guard(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
            if request.headers.get(secret[0]) != secret[1]:
                counts["refused"] += 1
                return PlainTextResponse("direct access is not allowed\n", 403)
            return await call_next(request)

    app.add_middleware(Guard)
    return app


def main() -> None:
    """Serve until stdin closes. Settings: secret [name, value]."""
    given = read_settings()
    app = create_app((given["secret"][0], given["secret"][1]))
    control = open_control(counts, mails)
    listening = bind().socket
    host, port = listening.getsockname()
    print(json.dumps({"url": f"http://{host}:{port}", "control": control}), flush=True)
    config = uvicorn.Config(app, log_level="error", lifespan="off")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
