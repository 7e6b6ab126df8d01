"""The protocol between Auth0 and the runtime of its hooks: the answer is always 200, with an envelope.

Source: auth0/auth0-ext-compilers, index.js, lib/adapter.js, lib/authorization.js and lib/compilers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hookpoint.hooks.auth0.answers import denial, token_changes, token_denial, user_changes
from hookpoint.hooks.auth0.bodies import BODIES
from hookpoint.hooks.events import (
    Client,
    Connection,
    CredentialsExchange,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    Request,
    SendPhoneMessage,
    User,
)
from hookpoint.hooks.http.formats.format import (
    Answer,
    Codec,
    Facts,
    Format,
    Json,
    Statuses,
    Unsayable,
    Verdict,
)
from hookpoint.hooks.http.members import Members, Unreadable
from hookpoint.hooks.json import freeze
from hookpoint.hooks.points import (
    AnyPoint,
    credentials_exchange,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
)
from hookpoint.hooks.results import Delivered, Deny, MessageChanges, TokenChanges, UserChanges
from hookpoint.hooks.wire import EventFormatError, parse_time

_STATUSES: Final = Statuses(reading=frozenset({200}))
# What the runtime itself says when it does not get as far as the hook.
_RUNTIME_ERRORS: Final = ("Unauthorized extensibility point", "Unable to compile the extensibility code")
_TOKEN_ERRORS: Final = {"invalid_request": "InvalidRequestError", "invalid_scope": "InvalidScopeError"}
_KINDS: Final = {"sms": "sms", "voice": "voice"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth0Codec:
    """The protocol at one point."""

    point: AnyPoint
    statuses: Statuses = _STATUSES

    def write_event(self, event: Any, facts: Facts) -> Json:
        """The hook's arguments by their names."""
        return BODIES[self.point](event)

    def read_answer(self, event: Any, answer: Answer, facts: Facts) -> Any:
        """Read the envelope; an error in it is a Deny."""
        read = answer.read
        status = read.required("status")
        if status == "error":
            message = read.text("data", "message") or "The hook refused."
            if message.startswith(_RUNTIME_ERRORS) or not self.point.results:
                raise Unreadable(f"the runtime says: {message}")
            if self.point is credentials_exchange:
                raise token_denial(read.text("data", "name"), message)
            raise denial(message, read.text("data", "friendlyMessage") or None)
        if status != "success":
            raise Unreadable("status is neither success nor error")
        if self.point is credentials_exchange:
            return token_changes(read.mapping("data"))
        if self.point is pre_user_registration:
            return user_changes(read.mapping("data"))
        # Whatever a phone hook answers, it has sent the message. The sample of Auth0's documentation carries an id.
        return Delivered(message_id=_message_id(read)) if self.point is send_phone_message else None

    def read_event(self, body: Members, facts: Facts) -> Any:
        """Raises Unreadable with the runtime's complaints about wrong types."""
        return _READERS[self.point](body, facts)

    def write_answer(self, event: Any, verdict: Verdict, facts: Facts) -> Answer:
        """Raises Unsayable for what is no part of the protocol, such as a shorter life."""
        if verdict.failed:
            return _error("Error", "The hook failed.")
        if verdict.denial is not None:
            return self._refusal(verdict.denial)
        data = self._data(event, verdict.changes)
        return Answer(status=200, members={"status": "success", **({} if data is None else {"data": data})})

    def _refusal(self, denial: Deny) -> Answer:
        if self.point is credentials_exchange:
            return _error(_TOKEN_ERRORS.get(denial.code, "ServerError"), denial.user_message or denial.reason)
        name = "SendPhoneMessageError" if self.point is send_phone_message else "PreUserRegistrationError"
        return _error(name, denial.reason, friendlyMessage=denial.user_message or denial.reason)

    def _data(self, event: Any, changes: Any) -> Json | None:
        if self.point is credentials_exchange:
            return _token_data(event, changes or TokenChanges())
        if isinstance(changes, UserChanges):
            metadata = {"user_metadata": changes.user_metadata, "app_metadata": changes.app_metadata}
            return {"user": {name: value for name, value in metadata.items() if value}}
        if self.point is send_phone_message:
            return _message_data(changes)
        return {}


def _token_data(event: CredentialsExchange, changes: TokenChanges) -> Json:
    """The flat object; scope is always said, because leaving it out means none."""
    if changes.expires_in is not None or changes.remove_claims:
        raise Unsayable("Auth0's hooks can neither shorten a token's life nor remove claims")
    scope = event.scope if changes.scope is None else frozenset(changes.scope)
    return {**changes.claims, "scope": sorted(scope)}


def _message_data(changes: object) -> Json:
    if isinstance(changes, MessageChanges):
        raise Unsayable("Auth0's hooks cannot change a message; they deliver it")
    if not isinstance(changes, Delivered):
        raise Unsayable("no hook delivered the message, and Auth0 does not send it itself")
    return {"MessageID": changes.message_id} if changes.message_id else {}


def _message_id(read: Members) -> str:
    data = read.value("data")
    found = data.get("MessageID") if isinstance(data, Mapping) else None
    return found if isinstance(found, str) else ""


def _error(name: str, message: str, **more: str) -> Answer:
    return Answer(status=200, members={"status": "error", "data": {"name": name, "message": message, **more}})


def _credentials_exchange(body: Members, facts: Facts) -> CredentialsExchange:
    client = Client(
        id=body.required("client", "id"),
        name=body.text("client", "name"),
        metadata=freeze(body.mapping("client", "metadata")),
    )
    audience = body.text("audience")
    return CredentialsExchange(
        client=client,
        scope=frozenset(body.texts("scope")),
        audience=audience,
        audiences=(audience,) if audience else (),
        parameters=freeze(body.mapping("context", "body")),
        request=_request(body, body.text("client", "tenant")),
    )


def _user(body: Members) -> User:
    return User(
        id=body.text("user", "id"),
        username=body.text("user", "username"),
        email=body.text("user", "email"),
        email_verified=body.flag("user", "emailVerified"),
        phone_number=body.text("user", "phoneNumber"),
        phone_verified=body.flag("user", "phoneNumberVerified"),
        user_metadata=freeze(body.mapping("user", "user_metadata")),
        app_metadata=freeze(body.mapping("user", "app_metadata")),
    )


def _connection(body: Members) -> Connection:
    return Connection(name=body.text("context", "connection", "name"), id=body.text("context", "connection", "id"))


def _request(body: Members, tenant: str = "") -> Request:
    asked = body.text("context", "request", "language") or body.text("context", "requestLanguage")
    return Request(
        hostname=body.text("context", "request", "hostname") or tenant,
        ip=body.text("context", "request", "ip") or body.text("context", "ip"),
        user_agent=body.text("context", "request", "user_agent") or body.text("context", "user_agent"),
        language=asked,
        geo=freeze(body.mapping("context", "request", "geoip")),
    )


def _pre_user_registration(body: Members, facts: Facts) -> PreUserRegistration:
    return PreUserRegistration(
        user=_user(body),
        connection=_connection(body),
        request=_request(body, body.text("user", "tenant")),
        password=body.text("user", "password") or None,
    )


def _post_user_registration(body: Members, facts: Facts) -> PostUserRegistration:
    return PostUserRegistration(
        id=facts.id, user=_user(body), connection=_connection(body), request=_request(body, body.text("user", "tenant"))
    )


def _post_change_password(body: Members, facts: Facts) -> PostChangePassword:
    try:
        changed_at = parse_time(body.required("user", "last_password_reset"), "user.last_password_reset")
    except EventFormatError as error:
        raise Unreadable(str(error)) from None
    user = User(id=body.text("user", "id"), username=body.text("user", "username"), email=body.text("user", "email"))
    return PostChangePassword(
        id=facts.id, user=user, changed_at=changed_at, connection=_connection(body), request=_request(body)
    )


def _send_phone_message(body: Members, facts: Facts) -> SendPhoneMessage:
    kind = _KINDS.get(body.text("context", "message_type"))
    if kind is None:
        raise Unreadable("context.message_type is neither sms nor voice")
    client = None
    if body.has("context", "client"):
        client = Client(
            id=body.required("context", "client", "client_id"),
            name=body.text("context", "client", "name"),
            metadata=freeze(body.mapping("context", "client", "client_metadata")),
        )
    user = User(
        id=body.text("context", "user", "user_id"),
        name=body.text("context", "user", "name"),
        email=body.text("context", "user", "email"),
        user_metadata=freeze(body.mapping("context", "user", "user_metadata")),
        app_metadata=freeze(body.mapping("context", "user", "app_metadata")),
    )
    language = body.text("context", "language")
    return SendPhoneMessage(
        recipient=body.required("recipient"),
        text=body.text("text"),
        code=body.text("context", "code"),
        kind="voice" if kind == "voice" else "sms",
        purpose=body.text("context", "action"),
        language="" if language == "N/A" else language,  # what the classic login page sends
        client=client,
        user=user,
        request=_request(body),
    )


_READERS: Final[Mapping[AnyPoint, Any]] = {
    credentials_exchange: _credentials_exchange,
    pre_user_registration: _pre_user_registration,
    post_user_registration: _post_user_registration,
    post_change_password: _post_change_password,
    send_phone_message: _send_phone_message,
}


def complain(status: int, code: str, message: str) -> Answer:
    """The runtime's complaint, which is an error in an envelope as well."""
    text = _RUNTIME_ERRORS[0] if status == 401 else message
    return Answer(status=200, members={"status": "error", "data": {"message": text, "statusCode": 500}})


CODECS: Final[dict[AnyPoint, Codec]] = {point: Auth0Codec(point=point) for point in _READERS}

AUTH0 = Format(
    name="auth0",
    title="Auth0 Hooks",
    source="auth0/auth0-ext-compilers",
    codecs=CODECS,
    authentications=("bearer", "none"),
    complain=complain,
)
