"""Supabase Auth's hooks.

Source: supabase/auth, internal/hooks/hookshttp, hookserrors and v0hooks; internal/tokens/service.go, internal/api/phone.go and mfa.go.
"""

from __future__ import annotations

from hookpoint.hooks.http.formats.format import Codec, Format
from hookpoint.hooks.http.formats.supabase.messages import SupabaseMessages
from hookpoint.hooks.http.formats.supabase.tokens import SupabaseTokens
from hookpoint.hooks.http.formats.supabase.users import SupabaseAfterUser, SupabaseBeforeUser
from hookpoint.hooks.points import (
    AnyPoint,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)

CODECS: dict[AnyPoint, Codec] = {
    token_issuance: SupabaseTokens(),
    pre_user_registration: SupabaseBeforeUser(),
    post_user_registration: SupabaseAfterUser(),
    send_phone_message: SupabaseMessages(),
}

SUPABASE = Format(
    name="supabase",
    title="Supabase Auth",
    source="supabase/auth, internal/hooks",
    codecs=CODECS,
    authentications=("standard-webhooks", "none"),
)
