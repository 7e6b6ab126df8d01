"""Every key is explained."""

from __future__ import annotations

from hookpoint.proxy.config.reference import attribute_docstrings
from hookpoint.proxy.config.schema import keys


def test_every_key_has_a_meaning() -> None:
    assert [
        key.path for key in keys() if len(key.path) > 1 and key.path[-1] not in attribute_docstrings(key.section)
    ] == []
