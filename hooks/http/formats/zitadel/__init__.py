"""ZITADEL's Actions of version 2, and its HTTP provider for text messages.

Source: zitadel/zitadel, pkg/actions/signing.go and internal/execution; docs …/actions/usage.md and
customize/notification-providers.mdx.
"""

from __future__ import annotations

from hookpoint.hooks.http.formats.format import Codec, Format
from hookpoint.hooks.http.formats.zitadel.happenings import ZitadelPasswordChanged, ZitadelUserAdded
from hookpoint.hooks.http.formats.zitadel.messages import ZitadelMessages
from hookpoint.hooks.http.formats.zitadel.tokens import ZitadelTokens
from hookpoint.hooks.points import (
    AnyPoint,
    credentials_exchange,
    post_change_password,
    post_user_registration,
    send_phone_message,
    token_issuance,
)

_TOKENS: Codec = ZitadelTokens()
CODECS: dict[AnyPoint, Codec] = {
    credentials_exchange: _TOKENS,
    token_issuance: _TOKENS,
    post_user_registration: ZitadelUserAdded(),
    post_change_password: ZitadelPasswordChanged(),
    send_phone_message: ZitadelMessages(),
}

ZITADEL = Format(
    name="zitadel",
    title="ZITADEL Actions",
    source="zitadel/zitadel, docs …/actions/usage.md",
    codecs=CODECS,
    authentications=("zitadel", "none"),
)
