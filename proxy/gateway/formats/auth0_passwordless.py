"""The `gateway_url` of an Auth0 passwordless connection: the whole text, the code somewhere in it.

Source: Auth0's page "Set Up Custom SMS Gateway for Passwordless"; the members of `gateway_authentication` are those of the
Management API.
"""

from __future__ import annotations

from hookpoint.hooks import Request
from hookpoint.proxy.gateway.answering import refuse_in_words
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.gateway.tokens import SharedSecretJwt
from hookpoint.proxy.sms.request import DeliveryRequest


def open_auth0_passwordless(options: Options) -> Format:
    """The format; a secret and `audience` are those of `gateway_authentication`."""
    return Format(
        name="auth0-passwordless",
        deadline=30.0,
        authentication=SharedSecretJwt(secrets=options.secrets, audience=options.audience or None),
        read=read,
        refuse=refuse_in_words,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `recipient`, `body` and what there is of `req`."""
    body = read_json(call)
    text = body.message("body")
    if text is None:
        raise Malformed("body is missing.")
    return DeliveryRequest(
        recipient=body.number("recipient"),
        text=text,
        purpose="sign-in",
        request=Request(ip=body.address("req", "ip"), user_agent=body.text("req", "user-agent")),
    )
