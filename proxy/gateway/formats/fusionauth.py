"""FusionAuth's generic messenger.

Source: FusionAuth/fusionauth-site, generic-messenger and generic-message-request.json.
"""

from __future__ import annotations

from hookpoint.hooks import User
from hookpoint.proxy.gateway.authentication import Basic, HeaderSecret
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.sms.request import DeliveryRequest


def open_fusionauth(options: Options) -> Format:
    """The format; authentication is Basic, or a header of the messenger's own."""
    header = options.authentication == "header"
    return Format(
        name="fusionauth",
        deadline=10.0,
        authentication=HeaderSecret(secrets=options.secrets, header=options.header or "authorization")
        if header
        else Basic(secrets=options.secrets),
        read=read,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `phoneNumber`, `code` and the text, which has another name for calls."""
    body = read_json(call)
    voice = body.text("type").lower() == "voice"
    text, code = body.message("message" if voice else "textMessage"), body.code("code")
    if text is None and code is None:
        raise Malformed("textMessage is missing.")
    return DeliveryRequest(
        recipient=body.number("phoneNumber"),
        text=text,
        code=code,
        kind="voice" if voice else "sms",
        user=User(id=body.text("userId")),
    )
