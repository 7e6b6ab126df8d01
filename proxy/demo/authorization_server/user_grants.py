"""Grants by which users get tokens: a password, and the second factor that may be asked for after it.

Authlib's own password grant is not used: its core waits for nothing, and checking a password takes a while.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError
from starlette.responses import JSONResponse, Response

from hookpoint.proxy.demo.authorization_server.clients import CLIENT_AUTH_METHODS, Client
from hookpoint.proxy.demo.authorization_server.forms import FormRequest
from hookpoint.proxy.demo.authorization_server.grants import allowed_audiences
from hookpoint.proxy.demo.authorization_server.second_factors import PendingLogin, refusal
from hookpoint.proxy.demo.authorization_server.tenant import Tenant
from hookpoint.proxy.demo.authorization_server.users import CONNECTION, User

_AUTH0: Final = "http://auth0.com/oauth/grant-type/"
PASSWORD: Final = "password"  # noqa: S105 - a grant type
PASSWORD_REALM: Final = f"{_AUTH0}password-realm"
MFA_OOB: Final = f"{_AUTH0}mfa-oob"
MFA_RECOVERY: Final = f"{_AUTH0}mfa-recovery-code"
USER_GRANTS: Final = frozenset({PASSWORD, PASSWORD_REALM, MFA_OOB, MFA_RECOVERY})
"""What a client that logs users in by their passwords may have among its grant types."""


class MfaRequiredError(OAuth2Error):
    """The password is right, and not enough; the body says how to go on."""

    error = "mfa_required"
    description = "Multifactor authentication required"
    status_code = 403

    def __init__(self, mfa_token: str, requirements: Mapping[str, Any]) -> None:
        super().__init__()
        self._members = [("mfa_token", mfa_token), ("mfa_requirements", requirements)]

    def get_body(self) -> list[tuple[str, Any]]:
        return [*super().get_body(), *self._members]


class UserGrants:
    """Answers token requests of these grants."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._grants: Mapping[str, Callable[[FormRequest, Client], Awaitable[Response]]] = {
            PASSWORD: self._password,
            PASSWORD_REALM: self._password,
            MFA_OOB: self._out_of_band,
            MFA_RECOVERY: self._recovery_code,
        }

    async def answer(self, request: FormRequest) -> Response:
        """Serve one request; raises OAuth2Error."""
        client = self._tenant.server.authenticate_client(request, CLIENT_AUTH_METHODS)
        grant_type = request.form["grant_type"]
        if not client.check_grant_type(grant_type):
            raise UnauthorizedClientError(f"The client cannot use grant_type={grant_type}.", status_code=403)
        return await self._grants[grant_type](request, client)

    async def _password(self, request: FormRequest, client: Client) -> Response:
        if request.form.get("realm", CONNECTION) != CONNECTION:
            raise InvalidRequestError("The realm does not exist.")
        audiences = allowed_audiences(request, client)
        user = await self._authenticate(_required(request, "username"), _required(request, "password"))
        scope = client.get_granted_scope(request.form.get("scope"))
        if client.second_factor or self._tenant.factors.active(user):
            raise self._second_factor(user, client, scope, audiences)
        return self._token(client, user, scope, audiences)

    async def _authenticate(self, login: str, password: str) -> User:
        known = self._tenant.users.find(login)
        key = login.casefold() if known is None else known.id
        if not self._tenant.logins.take(key):
            raise refusal(
                "too_many_attempts",
                "Your account has been blocked after multiple consecutive login attempts.",
                429,
            )
        user = await self._tenant.users.authenticate(login, password)
        if user is None:
            raise refusal("invalid_grant", "Wrong email or password.", 403)
        self._tenant.logins.forget(key)
        return user

    def _second_factor(self, user: User, client: Client, scope: str, audiences: list[str]) -> OAuth2Error:
        mfa_token = self._tenant.factors.begin(user, client, scope, audiences)
        if self._tenant.factors.active(user):
            return MfaRequiredError(mfa_token, {"challenge": [{"type": "phone"}, {"type": "recovery-code"}]})
        return MfaRequiredError(mfa_token, {"enroll": [{"type": "phone"}]})

    async def _out_of_band(self, request: FormRequest, client: Client) -> Response:
        login = self._tenant.factors.confirm_code(
            _required(request, "mfa_token"),
            client,
            _required(request, "oob_code"),
            _required(request, "binding_code"),
        )
        return self._resume(login, client)

    async def _recovery_code(self, request: FormRequest, client: Client) -> Response:
        login = self._tenant.factors.confirm_recovery(
            _required(request, "mfa_token"), client, _required(request, "recovery_code")
        )
        return self._resume(login, client, recovery_code=self._tenant.factors.new_recovery_code(login.user_id))

    def _resume(self, login: PendingLogin, client: Client, **members: str) -> Response:
        user = self._tenant.users.get(login.user_id)
        if user is None:
            raise refusal("invalid_grant", "Malformed mfa_token", 403)
        return self._token(client, user, login.scope, list(login.audiences), **members)

    def _token(self, client: Client, user: User, scope: str, audiences: list[str], **members: str) -> Response:
        issuer = self._tenant.server.token_issuer
        named = scope.split()
        if "openid" in named:
            audiences = [*audiences, f"{self._tenant.base}/userinfo"]
            members["id_token"] = issuer.identity(client, user.get_user_id(), self._tenant.user_claims(user, named))
        token = issuer.generator(audiences)(PASSWORD, client, user, scope)
        return JSONResponse({**token, **members}, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def _required(request: FormRequest, name: str) -> str:
    value = request.form.get(name)
    if not value:
        raise InvalidRequestError(f"Missing required parameter: {name}")
    return value
