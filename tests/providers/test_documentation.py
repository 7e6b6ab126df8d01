from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hookpoint.providers.errors import SmsError
from hookpoint.providers.loading import BUILT_IN, build

PAGES = Path(__file__).parents[2] / "docs" / "providers"
HEADINGS = ["What it can do", "Set-up", "Settings", "Errors", "Delivery reports"]


def test_generated_parts_are_current() -> None:
    done = subprocess.run(
        [sys.executable, PAGES / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_provider_has_a_page() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {*BUILT_IN, "README"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_pages_have_the_same_headings(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert f'type = "{name}"' in text


def test_every_error_is_explained() -> None:
    def leaves(kind: type[SmsError]) -> list[type[SmsError]]:
        below = [one for child in kind.__subclasses__() for one in leaves(child)]
        return [kind, *below] if kind.__subclasses__() in ([], [kind]) or not below else below

    text = (PAGES / "README.md").read_text(encoding="utf-8")
    for kind in leaves(SmsError):
        assert f"`{kind.code}`" in text
    assert "`misconfigured`" in text


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", BUILT_IN)
def test_the_shown_configuration_builds_the_provider(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (table,) = tomllib.loads(re.sub(r'"env:\w+"', '"http://x"', shown[0]))["sms"]["providers"]
    assert build(table).name == "main"
