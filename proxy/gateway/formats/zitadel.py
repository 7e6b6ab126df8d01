"""ZITADEL's HTTP provider for text messages.

Source: zitadel/zitadel, pkg/actions/signing.go, internal/notification/channels/webhook/channel.go; docs
customize/notification-providers.
"""

from __future__ import annotations

from typing import Final

from hookpoint.hooks import User
from hookpoint.proxy.gateway.bodies import read_json
from hookpoint.proxy.gateway.call import Call
from hookpoint.proxy.gateway.errors import Malformed
from hookpoint.proxy.gateway.format import Format, Options
from hookpoint.proxy.gateway.signatures import TimedHex
from hookpoint.proxy.sms.request import DeliveryRequest

# The code's own name for it, and the one of the API's page.
_HEADERS: Final = ("zitadel-signature", "x-zitadel-signature")
_PURPOSES: Final = (
    ("password", "password-reset"),
    ("otp", "second-factor-authentication"),
    ("phone", "verification"),
)


def open_zitadel(options: Options) -> Format:
    """The format; a secret is the provider's signing key."""
    return Format(
        name="zitadel",
        deadline=5.0,
        authentication=TimedHex(secrets=options.secrets, headers=_HEADERS),
        read=read,
    )


def read(call: Call) -> DeliveryRequest:
    """Read `contextInfo`, `templateData.text` and `args`."""
    body = read_json(call)
    text, code = body.message("templateData", "text"), body.code("args", "code") or body.code("args", "otp")
    if text is None and code is None:
        raise Malformed("templateData.text is missing.")
    number = body.first(("contextInfo", "recipientPhoneNumber"), ("args", "lastPhone"), ("args", "verifiedPhone"))
    if not number:
        raise Malformed("contextInfo.recipientPhoneNumber is missing.")
    event = body.text("contextInfo", "eventType")
    return DeliveryRequest(
        recipient=number,
        text=text,
        code=code,
        purpose=next((purpose for word, purpose in _PURPOSES if word in event), ""),
        language=body.text("args", "preferredLanguage"),
        user=User(
            username=body.first(("args", "preferredLoginName"), ("args", "userName")),
            email=body.text("args", "verifiedEmail"),
            name=body.text("args", "displayName"),
        ),
    )
