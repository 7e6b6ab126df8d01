"""openid-client (npm) as an application that signs users in: code with PKCE, refresh, and what is done with tokens afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.partners.login import authorize
from tests.partners.oidc_provider import REDIRECT_URI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.partners.partner import Client
    from tests.partners.running_script import RunningScript

SCRIPT = "clients/openid_client.mjs"


class RefusedError(Exception):
    """The library reported an error: `error` is the OAuth code, or the library's own; `status` that of the answer, if any."""

    def __init__(self, error: str, description: str, status: int | None) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A token answer; `claims` are those of its ID token, which the library has verified, with the signature. None without one."""

    answer: Mapping[str, Any]
    claims: Mapping[str, Any] | None

    @property
    def access_token(self) -> str:
        """The access token."""
        return str(self.answer["access_token"])

    @property
    def refresh_token(self) -> str:
        """The refresh token."""
        return str(self.answer["refresh_token"])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdClient:
    """An application that knows `issuer` by its discovery document. All methods raise RefusedError.

    `script` is SCRIPT, answering; clients may share it.
    """

    script: RunningScript
    issuer: str
    client: Client
    headers: Mapping[str, str] = field(default_factory=dict)

    async def sign_in(self, *, scope: str, login: str = "alice", **parameters: str) -> Tokens:
        """Sign a user in with code and PKCE; `parameters` (resource ...) go into both requests."""
        asked = {"redirect_uri": REDIRECT_URI, "scope": scope, "prompt": "consent", **parameters}
        begun = await self._act("authorize", parameters=asked)
        callback = await authorize(begun["url"], login=login, headers=self.headers)
        return self._tokens(await self._act("code", callback=callback, checks=begun["checks"], parameters=parameters))

    async def refresh(self, refresh_token: str, **parameters: str) -> Tokens:
        """Use a refresh token."""
        return self._tokens(await self._act("refresh", token=refresh_token, parameters=parameters))

    async def exchange(self, **parameters: str) -> Tokens:
        """Trade a token in (RFC 8693)."""
        return self._tokens(await self._act("exchange", parameters=parameters))

    async def user_info(self, access_token: str, subject: str) -> Mapping[str, Any]:
        """The user's claims; the library checks that they are those of `subject`."""
        return await self._answer("userinfo", token=access_token, subject=subject)

    async def introspect(self, token: str) -> Mapping[str, Any]:
        """What the server says of a token."""
        return await self._answer("introspect", token=token)

    async def revoke(self, token: str) -> Mapping[str, Any]:
        """Have a token revoked; returns nothing but that it went well."""
        return await self._answer("revoke", token=token)

    async def end_session_url(self, **parameters: str) -> str:
        """Where to send the browser for a logout."""
        return str((await self._act("end_session", parameters=parameters))["url"])

    async def _answer(self, action: str, **members: object) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = (await self._act(action, **members))["answer"]
        return answer

    async def _act(self, action: str, **members: object) -> dict[str, Any]:
        request = {"issuer": self.issuer, "client": self.client.as_json(), "headers": dict(self.headers)}
        said = await self.script.ask({**request, "action": action, **members})
        if "error" in said:
            raise RefusedError(said["error"], str(said.get("error_description")), said.get("status"))
        return said

    def _tokens(self, said: Mapping[str, Any]) -> Tokens:
        return Tokens(answer=said["answer"], claims=said["claims"])
