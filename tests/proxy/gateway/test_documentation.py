"""Every format has its page, and all pages have the same headings."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from hookpoint.proxy.config.sms_gateway import SmsGatewaySettings
from hookpoint.proxy.gateway.formats.registry import FORMATS
from hookpoint.proxy.gateway.gateway import configured_routes
from tests.docs.pages import DOCS

PAGES = DOCS / "gateway"
HEADINGS = ["Set-up", "What is read", "Answers", "Repeats"]
EXAMPLE = re.compile(r"```text\n(\[\[sms\.gateway\]\]\n.*?)```", re.DOTALL)
SECRETS = {"supabase": "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "fusionauth": "user:a password, long"}


@pytest.mark.parametrize("name", FORMATS)
def test_pages_have_one_shape(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("name", FORMATS)
def test_examples_can_be_configured(name: str) -> None:
    (example,) = EXAMPLE.findall((PAGES / f"{name}.md").read_text(encoding="utf-8"))
    (table,) = tomllib.loads(example)["sms"]["gateway"]
    values: dict[str, Any] = {**table, "secrets": [SECRETS.get(name, "a secret, long enough")]}
    (route,) = configured_routes([SmsGatewaySettings.model_validate(values)])
    assert route.format == name


@pytest.mark.parametrize("name", FORMATS)
def test_the_overview_says_how_long_a_caller_waits(name: str) -> None:
    secret = SECRETS.get(name, "a secret, long enough")
    settings = SmsGatewaySettings.model_validate({"format": name, "secrets": [secret]})
    deadline = FORMATS[name](configured_routes([settings])[0].options).deadline
    overview = (PAGES / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| \[`{name}`\]\({name}\.md\) .* \| {deadline:.0f} s \|$", overview, re.MULTILINE)
