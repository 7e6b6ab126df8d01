"""Auth0's hook `send-phone-message`, called as its own runtime was: the answer is always 200, with an envelope.

Source: auth0/auth0-ext-compilers, lib/adapter.js, lib/authorization.js and lib/compilers/send-phone-message.js.
"""

from __future__ import annotations

from typing import Final

from hookpoint.hooks import Client, Request, User
from hookpoint.providers import Kind
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.gateway.answering import Accepted, Failure, answer_json
from hookpoint.proxy.gateway.authentication import Bearer
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call, Members
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.sms.request import DeliveryRequest

_KINDS: Final[dict[str, Kind]] = {"sms": "sms", "voice": "voice"}
_PURPOSES: Final = {"enrollment": "enrollment", "authentication": "second-factor-authentication"}
# What the classic login page sends instead of a language.
_NO_LANGUAGE: Final = "N/A"


def open_auth0(options: Options) -> Format:
    """The format; a secret is what Auth0 called `auth0-extension-secret`."""
    return Format(
        name="auth0",
        deadline=20.0,
        authentication=Bearer(secrets=options.secrets),
        read=read,
        accept=accept,
        refuse=refuse,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `recipient`, `text` and `context`."""
    body = read_json(call)
    kind = _KINDS.get(body.required("context", "message_type"))
    if kind is None:
        raise Malformed("context.message_type is neither sms nor voice.")
    action = body.required("context", "action")
    language = body.text("context", "language")
    return DeliveryRequest(
        recipient=body.number("recipient"),
        text=body.message("text") or _missing("text"),
        code=body.code("context", "code") or _missing("context.code"),
        kind=kind,
        purpose=_PURPOSES.get(action, action),
        language="" if language == _NO_LANGUAGE else language,
        client=_client(body),
        user=_user(body),
        request=Request(
            ip=body.address("context", "ip") or body.address("context", "request", "ip"),
            user_agent=body.text("context", "user_agent"),
        ),
    )


def accept(accepted: Accepted) -> Answer:
    """The envelope of a hook that called back without an error."""
    data = {"message_id": accepted.id} if accepted.id else {}
    return answer_json(200, {"statusCode": 200, "headers": {}, "status": "success", "data": data})


def refuse(failure: Failure) -> Answer:
    """The envelope of a hook that called back with an error."""
    if failure.kind == "unauthenticated":
        data: dict[str, object] = {"message": "Unauthorized extensibility point", "statusCode": 500}
    else:
        data = {"name": "SendPhoneMessageError", "message": failure.message, "friendlyMessage": failure.message}
    return answer_json(200, {"status": "error", "data": data})


def _missing(name: str) -> str:
    raise Malformed(f"{name} is missing.")


def _client(body: Members) -> Client | None:
    client_id = body.text("context", "client", "client_id")
    if not client_id:
        return None
    return Client(
        id=client_id,
        name=body.text("context", "client", "name"),
        metadata=body.mapping("context", "client", "client_metadata"),
    )


def _user(body: Members) -> User:
    return User(
        id=body.text("context", "user", "user_id"),
        username=body.text("context", "user", "username"),
        email=body.text("context", "user", "email"),
        email_verified=body.flag("context", "user", "email_verified"),
        name=body.text("context", "user", "name"),
        user_metadata=body.mapping("context", "user", "user_metadata"),
        app_metadata=body.mapping("context", "user", "app_metadata"),
    )
