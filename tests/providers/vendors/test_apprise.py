"""Apprise against a recorder, through its JSON service."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown
from hookpoint.providers.loading import build, provider_type
from hookpoint.providers.testing import CONTRACT, Case
from tests.partners.requirement import require_module
from tests.providers.recorder import Recorder, Scripted
from tests.providers.vendor_cases import MESSAGE, SECRET

require_module("apprise")

# Apprise imports a module that later Pythons do not have, where it finds it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def url(recorder: Recorder) -> str:
    return f"json://user:{SECRET}@127.0.0.1:{recorder.port}/to/{{digits}}?rto=1&cto=1"


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_apprise_keeps_the_contract(check: Callable[[Case], Awaitable[None]], recorder: Recorder) -> None:
    await check(Case(type=provider_type("apprise"), settings={"url": url(recorder)}, secrets=(SECRET,)))


async def test_the_text_goes_to_the_number(recorder: Recorder) -> None:
    receipt = await build({"type": "apprise", "url": url(recorder)}).send(MESSAGE)
    assert receipt.id
    assert recorder.last.path == "/to/15005550006"
    assert recorder.last.json()["message"] == MESSAGE.text


async def test_a_failure_has_an_unknown_outcome_and_logs_nothing(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    recorder.default = Scripted(status=500)
    with pytest.raises(OutcomeUnknown):
        await build({"type": "apprise", "url": url(recorder)}).send(MESSAGE)
    for hidden in (MESSAGE.text, "918273", "15005550006", SECRET):
        assert hidden not in caplog.text


@pytest.mark.parametrize("address", ["json://127.0.0.1/fixed", "nosuchservice://host/{digits}"])
def test_addresses_that_apprise_cannot_use(address: str) -> None:
    with pytest.raises(Misconfigured):
        build({"type": "apprise", "url": address})
