"""Auth0's own clients: auth0-python, `auth0` (npm), and `@auth0/auth0-auth-js` for what the former have no method for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx  # noqa: TID251 - what auth0-python is made of
from auth0.authentication import Database, GetToken
from auth0.authentication.exceptions import Auth0Error
from auth0.management import Auth0
from auth0.management.core.api_error import ApiError

from tests.partners.partner import Client
from tests.partners.running_script import RunningScript

CONNECTION = "Username-Password-Authentication"


class Auth0ClientError(Exception):
    """What a client made of an error answer: its code, its message for people, and the status."""

    def __init__(self, code: str, message: str, status: int | None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class MfaRequired(Auth0ClientError):  # noqa: N818 - it is no error of anybody
    """The client was told to ask for a second factor."""

    def __init__(self, mfa_token: str, message: str, status: int | None) -> None:
        super().__init__("mfa_required", message, status)
        self.mfa_token = mfa_token


class DatabaseClient(Protocol):
    """What both clients can do with a database connection. All methods raise Auth0ClientError."""

    async def sign_up(self, email: str, password: str, **options: Any) -> Mapping[str, Any]:
        """Sign somebody up; `options` are members of the request."""

    async def change_password(self, email: str) -> str:
        """Ask for a mail by which a password can be changed."""

    async def log_in(self, username: str, password: str, **options: str) -> Mapping[str, Any]:
        """Get a token by a password; raises MfaRequired too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonClient:
    """auth0-python's `Database` and `GetToken`."""

    origin: str
    client: Client

    async def sign_up(self, email: str, password: str, **options: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await _in_thread(
            lambda: self._database.signup(email, password, CONNECTION, **options)
        )
        return answer

    async def change_password(self, email: str) -> str:
        return str(await _in_thread(lambda: self._database.change_password(email, CONNECTION)))

    async def log_in(self, username: str, password: str, **options: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await _in_thread(
            lambda: self._get_token.login(username, password, realm=CONNECTION, **options)
        )
        return answer

    @property
    def _database(self) -> Any:
        target = urlsplit(self.origin)
        return Database(target.netloc, self.client.client_id, protocol=target.scheme)

    @property
    def _get_token(self) -> Any:
        target = urlsplit(self.origin)
        return GetToken(target.netloc, self.client.client_id, self.client.client_secret, protocol=target.scheme)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClient:
    """`AuthenticationClient` of `auth0` (npm); `script` is that of the fixture `auth0_script`."""

    script: RunningScript
    origin: str
    client: Client

    async def sign_up(self, email: str, password: str, **options: Any) -> Mapping[str, Any]:
        request = {"email": email, "password": password, "connection": CONNECTION, **options}
        answer: Mapping[str, Any] = await self.act("sign_up", request)
        return answer

    async def change_password(self, email: str) -> str:
        return str(await self.act("change_password", {"email": email, "connection": CONNECTION}))

    async def log_in(self, username: str, password: str, **options: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await self.act("log_in", {"username": username, "password": password, **options})
        return answer

    async def act(self, action: str, options: Mapping[str, Any]) -> Any:
        """Call a method of one of the libraries; returns what it resolves to."""
        request = {"origin": self.origin, "client": self.client.as_json(), "action": action, "options": options}
        said = await self.script.ask(request)
        if "error" not in said:
            return said["answer"]
        if said["error"] == "mfa_required":
            raise MfaRequired(json.loads(said["body"])["mfa_token"], said["message"], said["status"])
        raise Auth0ClientError(said["error"], said["message"], said["status"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementClient:
    """auth0-python's client of the Management API. All methods raise Auth0ClientError."""

    origin: str
    token: str

    async def create(self, **members: Any) -> str:
        """Create a user; returns the id."""
        return str((await self._call(lambda users: users.create(connection=CONNECTION, **members))).user_id)

    async def update(self, user_id: str, **members: Any) -> None:
        """Change a user."""
        await self._call(lambda users: users.update(user_id, **members))

    async def get(self, user_id: str) -> Any:
        """Read a user."""
        return await self._call(lambda users: users.get(user_id))

    async def _call(self, call: Callable[[Any], Any]) -> Any:
        # A client of ours, for the library never closes its own.
        with httpx.Client(trust_env=False) as http:
            api = Auth0(base_url=f"{self.origin}/api/v2", token=self.token, max_retries=0, httpx_client=http)
            return await _in_thread(lambda: call(api.users))


async def _in_thread(call: Callable[[], Any]) -> Any:
    try:
        return await asyncio.to_thread(call)
    except ApiError as error:
        raise Auth0ClientError(error.body["errorCode"], error.body["message"], error.status_code) from None
    except Auth0Error as error:
        if error.error_code == "mfa_required":
            raise MfaRequired(error.content["mfa_token"], error.message, error.status_code) from None
        raise Auth0ClientError(error.error_code, error.message, error.status_code) from None
