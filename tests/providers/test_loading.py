from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from hookpoint.providers import extras
from hookpoint.providers.errors import Misconfigured, NotInstalled
from hookpoint.providers.loading import GROUP, build, build_all, provider_type
from hookpoint.providers.message import Message, Receipt
from hookpoint.providers.provider import SmsProvider
from hookpoint.providers.vendors.memory import Memory


class Plugin(SmsProvider):
    async def send(self, message: Message) -> Receipt:
        self.check(message)
        return Receipt(provider=self.name, id="1")


HERE = f"{__name__}:Plugin"


def test_by_type_name() -> None:
    provider = build({"type": "memory"})
    assert isinstance(provider, Memory)
    assert provider.name == "memory"


def test_by_module_and_class() -> None:
    assert isinstance(build({"type": HERE, "name": "mine"}), Plugin)


def test_by_entry_point() -> None:
    plugin = EntryPoint(name="acme", value=HERE, group=GROUP)
    assert provider_type("acme", plugins=[plugin]) is Plugin


def test_built_in_types_go_before_plugins() -> None:
    plugin = EntryPoint(name="memory", value=HERE, group=GROUP)
    assert provider_type("memory", plugins=[plugin]) is Memory


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("twillio", "did you mean 'twilio'"),
        ("nothing-like-it", "known are"),
        ("no_such_module_xyz:Acme", "cannot be loaded"),
        (f"{__name__}:Nobody", "cannot be loaded"),
        ("json:JSONDecoder", "is no subclass of SmsProvider"),
        ("broken", "plugin 'broken'"),
    ],
)
def test_what_cannot_be_loaded_says_why(kind: str, problem: str) -> None:
    plugin = EntryPoint(name="broken", value="no_such_module_xyz:Acme", group=GROUP)
    with pytest.raises(Misconfigured, match=problem):
        provider_type(kind, plugins=[plugin])


def test_problems_of_all_providers_come_at_once() -> None:
    tables: list[dict[str, object]] = [
        {"type": "telnyx", "name": "a", "from": "+1"},
        {"name": "b"},
        {"type": "memory", "name": "c"},
        {"type": "memory", "name": "c"},
        {"type": "memory", "name": "d", "extra": 1},
        {"type": "memory", "name": 7},
    ]
    with pytest.raises(Misconfigured) as caught:
        build_all(tables, plugins=())
    assert caught.value.problems == (
        "a: 'api_key' is missing: API key, KEY…",
        "b: 'type' is missing",
        "c: the name is used twice",
        "d: unknown setting 'extra'",
        "7: 'name' must be a text",
    )


def test_all_providers_by_name_in_order() -> None:
    providers = build_all([{"type": "memory", "name": "b"}, {"type": "memory", "name": "a"}])
    assert list(providers) == ["b", "a"]


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(NotInstalled, match=r"install hookpoint\[acme\]"):
        extras.require("no_such_package_xyz.part", extra="acme", provider="p")
