"""Okta's inline hooks: token, registration, telephony.

Source: okta/okta-developer-docs, docs/concepts/inline-hooks, docs/reference/token-hook, registration-hook and telephony-hook.
"""

from __future__ import annotations

from hookpoint.hooks.http.formats.format import Codec, Format
from hookpoint.hooks.http.formats.okta.registration import OktaRegistration
from hookpoint.hooks.http.formats.okta.telephony import OktaTelephony
from hookpoint.hooks.http.formats.okta.tokens import OktaTokens
from hookpoint.hooks.points import (
    AnyPoint,
    credentials_exchange,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)

_TOKENS: Codec = OktaTokens()
CODECS: dict[AnyPoint, Codec] = {
    credentials_exchange: _TOKENS,
    token_issuance: _TOKENS,
    pre_user_registration: OktaRegistration(),
    send_phone_message: OktaTelephony(),
}

OKTA = Format(
    name="okta",
    title="Okta inline hooks",
    source="okta/okta-developer-docs, docs/concepts/inline-hooks",
    codecs=CODECS,
    authentications=("header", "bearer", "none"),
)
