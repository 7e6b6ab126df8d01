"""Ory Kratos: a courier channel of type `http` whose Jsonnet body is `function(ctx) ctx`.

Source: ory/kratos, courier/http_channel.go, courier/sms_templates.go, courier/template/sms.
"""

from __future__ import annotations

from typing import Final

from hookpoint.hooks import Client, Request, User
from hookpoint.proxy.gateway.authentication import Basic, HeaderSecret
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call, Members
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.sms.request import DeliveryRequest

_PURPOSES: Final = {
    "verification_code_valid": "verification",
    "recovery_code_valid": "password-reset",
    "login_code_valid": "sign-in",
    "registration_code_valid": "sign-up",
}
_CODES: Final = ("verification_code", "login_code", "recovery_code", "registration_code")
_DATA: Final = "template_data"


def open_kratos(options: Options) -> Format:
    """The format; authentication is `api_key` in a header, or `basic_auth`. Kratos repeats a message with the same body."""
    basic = options.authentication == "basic"
    return Format(
        name="kratos",
        deadline=10.0,
        authentication=Basic(secrets=options.secrets)
        if basic
        else HeaderSecret(secrets=options.secrets, header=options.header or "authorization"),
        read=read,
    )


def read(call: Call) -> DeliveryRequest:
    """Read a template's context; messages that carry no code go out with the text that Kratos wrote."""
    body = read_json(call)
    code = next((found for name in _CODES if (found := body.code(_DATA, name))), None)
    text = body.message("body")
    if code is None and text is None:
        raise Malformed("body is missing.")
    kind = body.text("template_type")
    return DeliveryRequest(
        recipient=body.number("recipient") if body.text("recipient") else body.number(_DATA, "to"),
        text=text,
        code=code,
        purpose=_PURPOSES.get(kind, kind),
        client=_client(body),
        user=_user(body),
        request=Request(ip=_forwarded(body, "True-Client-Ip"), user_agent=_header(body, "User-Agent")),
    )


def _client(body: Members) -> Client | None:
    client_id = body.text(_DATA, "oauth2_login_request", "client", "client_id")
    name = body.text(_DATA, "oauth2_login_request", "client", "client_name")
    return Client(id=client_id, name=name) if client_id else None


def _user(body: Members) -> User:
    traits = body.mapping(_DATA, "identity", "traits")
    email = traits.get("email")
    return User(
        id=body.text(_DATA, "identity", "id"),
        email=email if isinstance(email, str) else "",
        user_metadata=body.mapping(_DATA, "identity", "metadata_public"),
    )


def _header(body: Members, name: str) -> str:
    """The first value of a header of the user's own request, which Go gives as a list."""
    value = body.mapping("request_headers").get(name)
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    return first if isinstance(first, str) else ""


def _forwarded(body: Members, name: str) -> str:
    return Members({"ip": _header(body, name)}).address("ip")
