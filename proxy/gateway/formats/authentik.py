"""authentik's SMS stage with the provider "Generic".

Source: goauthentik/authentik, authentik/stages/authenticator_sms/models.py.
"""

from __future__ import annotations

from hookpoint.proxy.gateway.answering import refuse_in_words
from hookpoint.proxy.gateway.authentication import Basic, Bearer
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.sms.request import DeliveryRequest


def open_authentik(options: Options) -> Format:
    """The format; authentication is Basic or Bearer, as the stage says."""
    basic = options.authentication == "basic"
    return Format(
        name="authentik",
        deadline=10.0,
        authentication=Basic(secrets=options.secrets) if basic else Bearer(secrets=options.secrets),
        read=read,
        refuse=refuse_in_words,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `To`, `Body`, which is the code, and `Message`, which is the sentence around it."""
    body = read_json(call)
    code = body.code("Body")
    if code is None:
        raise Malformed("Body is missing.")
    return DeliveryRequest(recipient=body.number("To"), code=code, text=body.message("Message"))
