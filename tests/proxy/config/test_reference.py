"""The reference page says what the model says."""

from __future__ import annotations

from pathlib import Path

from hookpoint.proxy.config.reference import PAGE, page
from hookpoint.proxy.config.schema import keys

PROJECT = Path(__file__).parents[3]


def test_the_committed_page_is_the_generated_one() -> None:
    written = (PROJECT / PAGE).read_text(encoding="utf-8")
    assert written == page(), "run: python -m hookpoint.proxy.config.reference"


def test_every_key_has_a_meaning() -> None:
    assert [key.path for key in keys() if len(key.path) > 1 and not key.field.description] == []
