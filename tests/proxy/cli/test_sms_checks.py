"""What `hookpoint check` finds about phone messages, without sending one."""

from __future__ import annotations

from typing import Any

import pytest

from hookpoint.proxy.cli.checks import CheckContext, Level
from hookpoint.proxy.cli.checks.sms import phone_messages_can_be_sent
from hookpoint.proxy.config import validate
from hookpoint.proxy.dialects import load_dialect

TELNYX = {"name": "main", "type": "telnyx", "api_key": "k", "from": "+15005550006"}
GATEWAY = {"format": "okta", "secrets": ["a secret, long enough"]}
LONG = {"text": "{code} " + "x" * 160}


async def found(sms: dict[str, Any]) -> list[tuple[Level, str]]:
    settings = validate({"sms": {"countries": ["DE"], **sms}}, environ={})
    context = CheckContext(settings, load_dialect("oidc"), offline=True)
    return [(each.level, each.reason) for each in await phone_messages_can_be_sent(context)]


@pytest.mark.parametrize(
    ("sms", "level", "reason"),
    [
        ({"providers": [TELNYX]}, Level.OK, "main sends sms; signed delivery reports"),
        ({"providers": [TELNYX]}, Level.WARNING, "nothing takes the delivery reports of main"),
        ({"providers": [TELNYX], "countries": None}, Level.WARNING, "all countries"),
        ({"providers": [TELNYX], "templates": [LONG]}, Level.WARNING, "2 parts"),
        ({"providers": [TELNYX], "routes": [{"providers": ["main"], "kinds": ["voice"]}]}, Level.WARNING, "send voice"),
        ({"providers": [{"name": "a", "type": "console"}]}, Level.WARNING, "prints messages with their codes"),
        ({"providers": [{**TELNYX, "api_kee": "k"}]}, Level.ERROR, "did you mean 'api_key'"),
        ({"providers": [{"name": "a", "type": "twillio"}]}, Level.ERROR, "did you mean 'twilio'"),
        ({"gateway": [GATEWAY]}, Level.ERROR, "there is no provider"),
    ],
)
async def test_what_is_wrong_is_said(sms: dict[str, Any], level: Level, reason: str) -> None:
    assert any(each == level and reason in said for each, said in await found(sms))


async def test_without_phone_messages_there_is_nothing_to_say() -> None:
    assert await found({}) == []
