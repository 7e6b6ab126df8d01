"""Auth0's MFA API: enrolling a phone, and asking for a code to be sent there.

`/mfa/associate` is for users who have no phone yet, with the `mfa_token` of their login. To change phones, a user removes the
old one with an access token and enrolls the next at the next login.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.authorization_server.bearer import BearerError, bearer_token, require_scope
from hookpoint.proxy.demo.authorization_server.bodies import read_members, read_parameters, text
from hookpoint.proxy.demo.authorization_server.clients import CLIENT_AUTH_METHODS, Client
from hookpoint.proxy.demo.authorization_server.codes import Action, Channel, CodeMessage, CodeNotSentError
from hookpoint.proxy.demo.authorization_server.forms import FormRequest
from hookpoint.proxy.demo.authorization_server.second_factors import Authenticator, PendingLogin, refusal
from hookpoint.proxy.demo.authorization_server.tenant import Tenant
from hookpoint.proxy.demo.authorization_server.users import User

CHALLENGE_PATH: Final = "/mfa/challenge"
ASSOCIATE_PATH: Final = "/mfa/associate"
AUTHENTICATORS_PATH: Final = "/mfa/authenticators"
_NUMBER: Final = re.compile(r"\+[0-9]{5,15}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_NO_STORE: Final = {"Cache-Control": "no-store"}

_Answer = Callable[[Request], Awaitable[Response]]


class Mfa:
    """The routes."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._factors = tenant.factors

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            self._route("POST", CHALLENGE_PATH, self._challenge),
            self._route("POST", ASSOCIATE_PATH, self._associate),
            self._route("GET", AUTHENTICATORS_PATH, self._list),
            self._route("DELETE", AUTHENTICATORS_PATH + "/{authenticator_id}", self._remove),
        ]

    def _route(self, method: str, path: str, answer: _Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request)
            except OAuth2Error as error:
                response: Response = self._tenant.server.handle_error_response(request, error)
                return response
            except BearerError as error:
                body = {"error": error.error or "invalid_token", "error_description": str(error)}
                return JSONResponse(body, error.status, error.challenge)

        return Route(path, endpoint, methods=[method])

    async def _challenge(self, request: Request) -> Response:
        form = FormRequest(request, f"{self._tenant.base}{CHALLENGE_PATH}", await read_parameters(request))
        client = self._tenant.server.authenticate_client(form, CLIENT_AUTH_METHODS, "token")
        mfa_token = form.form.get("mfa_token")
        if not mfa_token:
            raise InvalidRequestError("Missing required parameter: mfa_token")
        user = self._user_of(self._factors.pending(mfa_token, client))
        if "oob" not in form.form.get("challenge_type", "oob").split():
            raise refusal("unsupported_challenge_type", "The user has none of the challenge types.", 400)
        enrolled = self._factors.active(user)
        if not enrolled:
            raise refusal("association_required", "User is not enrolled. You can use /mfa/associate.", 400)
        named = form.form.get("authenticator_id", enrolled[0].id)
        chosen = [each for each in enrolled if each.id == named]
        if not chosen:
            raise InvalidRequestError("The authenticator_id is not one of the user.")
        oob_code = await self._send_code(request, mfa_token, client, user, chosen[0], "second-factor-authentication")
        answer = {"challenge_type": "oob", "oob_code": oob_code, "binding_method": "prompt"}
        return JSONResponse(answer, headers=_NO_STORE)

    async def _associate(self, request: Request) -> Response:
        mfa_token = bearer_token(request)
        login = self._factors.pending(mfa_token)
        user, client = self._user_of(login), self._client_of(login)
        members = await read_members(request)
        if members.get("authenticator_types") != ["oob"]:
            raise InvalidRequestError("authenticator_types has to be oob; other types are not supported.")
        channel = _read_channel(members)
        number = text(members, "phone_number")
        if not _NUMBER.fullmatch(number):
            raise InvalidRequestError("phone_number has to be a number such as +491711234567.")
        if self._factors.active(user):
            raise refusal("access_denied", "User is already enrolled.", 403)
        authenticator = self._factors.enroll(user, channel, number)
        recovery_code = self._factors.new_recovery_code(user.id)
        oob_code = await self._send_code(request, mfa_token, client, user, authenticator, "enrollment")
        answer = {
            "authenticator_type": "oob",
            "binding_method": "prompt",
            "oob_channel": channel,
            "oob_code": oob_code,
            "recovery_codes": [recovery_code],
        }
        return JSONResponse(answer, headers=_NO_STORE)

    async def _list(self, request: Request) -> Response:
        user = self._bearer_user(request, "read:authenticators")
        authenticators: list[dict[str, Any]] = [
            {
                "id": each.id,
                "authenticator_type": "oob",
                "oob_channel": each.channel,
                "name": each.masked,
                "active": each.active,
            }
            for each in self._factors.of(user)
        ]
        return JSONResponse(authenticators, headers=_NO_STORE)

    async def _remove(self, request: Request) -> Response:
        user = self._token_user(request, "remove:authenticators")
        if not self._factors.remove(user, request.path_params["authenticator_id"]):
            raise refusal("not_found", "The user has no such authenticator.", 404)
        return Response(status_code=204)

    async def _send_code(
        self,
        request: Request,
        mfa_token: str,
        client: Client,
        user: User,
        authenticator: Authenticator,
        action: Action,
    ) -> str:
        """Send a code; returns its oob_code."""
        oob_code, code = self._factors.open_code(mfa_token, authenticator)
        message = CodeMessage(
            recipient=authenticator.number,
            code=code,
            channel=authenticator.channel,
            action=action,
            language=_language(request),
            ip=request.client.host if request.client else "",
            user_agent=request.headers.get("user-agent", ""),
            client={"client_id": client.client_id, "name": client.name or client.client_id},
            user={
                "user_id": user.get_user_id(),
                "name": user.profile.get("name", user.email),
                "email": user.email,
                "user_metadata": user.user_metadata,
                "app_metadata": user.app_metadata,
            },
        )
        try:
            await self._tenant.codes.send(message)
        except CodeNotSentError as error:
            self._factors.close_code(oob_code)
            raise refusal("sms_provider_error", str(error), 400) from None
        return oob_code

    def _bearer_user(self, request: Request, scope: str) -> User:
        """The user of an mfa_token, or of an access token with a scope."""
        try:
            return self._user_of(self._factors.pending(bearer_token(request)))
        except OAuth2Error:
            return self._token_user(request, scope)

    def _token_user(self, request: Request, scope: str) -> User:
        issuer = self._tenant.server.token_issuer
        claims = require_scope(request, issuer, audience=f"{self._tenant.base}/mfa/", scope=scope)
        user = self._tenant.users.get(str(claims["sub"]))
        if user is None:
            raise BearerError(401, "invalid_token", "Invalid token")
        return user

    def _user_of(self, login: PendingLogin) -> User:
        user = self._tenant.users.get(login.user_id)
        if user is None:
            raise refusal("invalid_grant", "Malformed mfa_token", 403)
        return user

    def _client_of(self, login: PendingLogin) -> Client:
        client = self._tenant.server.query_client(login.client_id)
        if client is None:
            raise refusal("invalid_grant", "Malformed mfa_token", 403)
        return client


def _read_channel(members: Mapping[str, Any]) -> Channel:
    channels: Mapping[str, Literal["sms", "voice"]] = {"sms": "sms", "voice": "voice"}
    named = members.get("oob_channels")
    texts = [each for each in named if isinstance(each, str)] if isinstance(named, list) else []
    found = [channels[each] for each in texts if each in channels]
    if not found:
        raise InvalidRequestError("oob_channels has to name sms or voice; other channels are not supported.")
    return found[0]


def _language(request: Request) -> str:
    """What the user would rather read (RFC 9110 section 12.5.4), the first of a list being good enough here."""
    first = request.headers.get("accept-language", "").split(",")[0].partition(";")[0].strip()
    return first if _LANGUAGE.fullmatch(first) else "en"
