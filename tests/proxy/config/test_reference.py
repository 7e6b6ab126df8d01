"""Every key is explained."""

from __future__ import annotations

from hookpoint.proxy.config.schema import keys


def test_every_key_has_a_meaning() -> None:
    assert [key.path for key in keys() if len(key.path) > 1 and not key.field.description] == []
