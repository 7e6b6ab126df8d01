"""[[sms.gateway]]: what fits together, what does not, and what is said of it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from hookpoint.proxy.config.sms_gateway import Format, SmsGatewaySettings
from hookpoint.proxy.gateway.formats.registry import FORMATS
from hookpoint.proxy.gateway.gateway import configured_routes

SECRET = "the secret of the caller"
WEBHOOK_SECRET = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def settings_of(**values: Any) -> SmsGatewaySettings:
    return SmsGatewaySettings.model_validate({"secrets": [SECRET], **values})


def test_every_format_can_be_configured_and_opened() -> None:
    assert set(get_args(Format)) == set(FORMATS)
    for name in FORMATS:
        secret = {"supabase": WEBHOOK_SECRET, "fusionauth": f"user:{SECRET}"}.get(name, SECRET)
        (route,) = configured_routes([settings_of(format=name, secrets=[secret])])
        opened = FORMATS[name](route.options)
        assert (opened.name, route.path) == (name, f"/hookpoint/sms/{name}")
        assert opened.deadline >= 3


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"format": "other"}, "Input should be"),
        ({"format": "okta", "secrets": []}, "at least 1"),
        ({"format": "okta", "secrets": ["short"]}, "less than 16"),
        ({"format": "okta", "secrets": ["a secret with ümlauts in it"]}, "printable ASCII"),
        ({"format": "fusionauth"}, "no colon"),
        ({"format": "supabase"}, "base64"),
        ({"format": "generic", "authentication": "standard-webhooks"}, "base64"),
        ({"format": "okta", "authentication": "basic"}, "not authenticated by basic"),
        ({"format": "authentik", "authentication": "hmac"}, "not authenticated by hmac"),
        ({"format": "supabase", "secrets": [WEBHOOK_SECRET], "header": "X-Key"}, "no header"),
        ({"format": "generic", "header": "X-Key"}, "no header"),
        ({"format": "okta", "header": "X Key"}, "match"),
        ({"format": "okta", "audience": "x"}, "no audience"),
        ({"format": "okta", "fields": {"to": "x"}}, "its own"),
        ({"format": "generic", "fields": {"recipient": "x"}}, "Input should be"),
        ({"format": "okta", "path": "sms"}, "is not a path"),
        ({"format": "okta", "path": "/a b"}, "is not a path"),
        ({"format": "okta", "deadline": 0}, "greater than 0"),
        ({"format": "okta", "unknown": 1}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_said(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as raised:
        settings_of(**values)
    assert reason in str(raised.value)
    assert SECRET not in str(raised.value)


def test_secrets_do_not_show() -> None:
    settings = settings_of(format="okta")
    assert SECRET not in repr(settings)
    assert SECRET not in repr(configured_routes([settings]))
    assert SECRET not in repr(FORMATS["okta"](configured_routes([settings])[0].options))
