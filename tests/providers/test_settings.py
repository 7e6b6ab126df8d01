from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pytest

from hookpoint.providers.errors import Misconfigured
from hookpoint.providers.settings import fields, read, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme:
    api_key: str = setting("key", secret=True)
    sender: str = setting("sender", key="from")
    port: int = setting("port", default=1)
    wait: float = setting("seconds", default=1.0)
    loud: bool = setting("loud", default=False)
    mode: Literal["a", "b"] | None = setting("mode", default=None)
    names: tuple[str, ...] = setting("names", default=())
    table: Mapping[str, str] | None = setting("table", default=None)

    def __post_init__(self) -> None:
        if self.port < 0:
            raise ValueError("'port' must not be negative")


def test_a_table_becomes_a_dataclass() -> None:
    acme = read(
        Acme,
        {
            "api_key": "k",
            "from": "F",
            "port": 2,
            "wait": 3,
            "mode": "a",
            "names": ["x"],
            "table": {"a": "b"},
            "loud": True,
        },
        provider="p",
    )
    assert acme == Acme(api_key="k", sender="F", port=2, wait=3.0, mode="a", names=("x",), table={"a": "b"}, loud=True)


def test_all_problems_come_at_once_and_no_value_is_shown() -> None:
    table = {
        "api_kye": "s3cr3t",
        "port": "s3cr3t",
        "wait": True,
        "mode": "c",
        "names": [1],
        "table": {"a": 1},
        "loud": 1,
    }
    with pytest.raises(Misconfigured) as caught:
        read(Acme, table, provider="p")
    assert caught.value.problems == (
        "unknown setting 'api_kye', did you mean 'api_key'?",
        "'api_key' is missing: key",
        "'from' is missing: sender",
        "'port' must be a whole number",
        "'wait' must be a number",
        "'loud' must be true or false",
        "'mode' must be one of 'a', 'b'",
        "'names' must be a list of texts",
        "'table' must be a table of texts",
    )
    assert caught.value.provider == "p"
    assert "s3cr3t" not in str(caught.value)


def test_what_does_not_go_together_is_a_problem_too() -> None:
    with pytest.raises(Misconfigured, match="must not be negative"):
        read(Acme, {"api_key": "k", "from": "f", "port": -1}, provider="p")


def test_a_whole_number_is_not_true() -> None:
    with pytest.raises(Misconfigured, match="'port' must be a whole number"):
        read(Acme, {"api_key": "k", "from": "f", "port": True}, provider="p")


def test_secrets_are_not_shown() -> None:
    assert "s3cr3t" not in repr(Acme(api_key="s3cr3t", sender="f"))


def test_fields_are_known_by_their_name_in_the_configuration() -> None:
    assert list(fields(Acme)) == ["api_key", "from", "port", "wait", "loud", "mode", "names", "table"]
