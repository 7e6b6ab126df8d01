"""Logto's connector "HTTP SMS".

Source: logto-io/logto, packages/connectors/connector-http-sms and packages/toolkit/connector-kit.
"""

from __future__ import annotations

from typing import Final

from hookpoint.hooks import Request
from hookpoint.proxy.gateway.answering import refuse_in_words
from hookpoint.proxy.gateway.authentication import HeaderSecret
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.sms.request import DeliveryRequest

_PURPOSES: Final = {
    "SignIn": "sign-in",
    "Register": "sign-up",
    "ForgotPassword": "password-reset",
    "OrganizationInvitation": "invitation",
    "Generic": "verification",
    "UserPermissionValidation": "verification",
    "BindNewIdentifier": "verification",
    "MfaVerification": "second-factor-authentication",
    "BindMfa": "enrollment",
}


def open_logto(options: Options) -> Format:
    """The format; a secret is the connector's whole `authorization`. Logto waits as long as it takes."""
    return Format(
        name="logto",
        deadline=10.0,
        authentication=HeaderSecret(secrets=options.secrets),
        read=read,
        refuse=refuse_in_words,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `to`, `type` and `payload`; an invitation has a link in place of a code, which is then the text."""
    body = read_json(call)
    code, link = body.code("payload", "code"), body.message("payload", "link")
    if code is None and link is None:
        raise Malformed("payload.code is missing.")
    kind = body.text("type")
    return DeliveryRequest(
        recipient=_international(body.number("to")),
        code=code,
        text=link if code is None else None,
        purpose=_PURPOSES.get(kind, kind),
        language=body.text("payload", "locale") or body.text("payload", "uiLocales").partition(" ")[0],
        request=Request(ip=body.address("ip")),
    )


def _international(number: str) -> str:
    # Logto keeps numbers with their country code and without a plus sign.
    return f"+{number}" if number.isdecimal() and not number.startswith("0") else number
