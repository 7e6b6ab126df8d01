"""The reference pages leave nothing out: looked for from the code, without the generator that writes them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from typer import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from hookpoint.hooks import POINTS
from hookpoint.proxy.cli import app
from hookpoint.proxy.config.schema import keys
from tests.docs.pages import DOCS

PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")}


def commands(group: TyperGroup, words: str = "hookpoint") -> Iterator[tuple[str, TyperCommand]]:
    for name in group.list_commands(Context(group)):
        command = group.get_command(Context(group), name)
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{words} {name}")
        else:
            assert isinstance(command, TyperCommand)
            yield f"{words} {name}", command


def error_codes(package: str) -> Iterator[str]:
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if ".demo" in found.name or found.name.endswith("__main__"):
            continue
        for member in vars(importlib.import_module(found.name)).values():
            if inspect.isclass(member) and issubclass(member, Exception) and member.__module__ == found.name:
                code = vars(member).get("code")
                if isinstance(code, str):
                    yield code


@pytest.mark.parametrize("key", sorted({".".join(key.path).replace("*", "ID") for key in keys()}))
def test_every_configuration_key_is_described(key: str) -> None:
    described = f"`{key}`" if "." in key else f"[{key}"
    assert described in PAGES["configuration"]


def test_every_command_and_option_is_described() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    found = dict(commands(group))
    assert "hookpoint serve" in found
    for words, command in found.items():
        assert f"## {words}\n" in PAGES["commands"], words
        for option in (name for parameter in command.params for name in parameter.opts if name.startswith("--")):
            assert option in PAGES["commands"], f"{words} {option}"


def test_every_point_is_described() -> None:
    for name, point in POINTS.items():
        assert f"`{name}`" in PAGES["hooks"]
        assert f"### {point.event.__name__}" in PAGES["hooks"]
        for result in point.results:
            assert f"### {result.__name__}" in PAGES["hooks"]


@pytest.mark.parametrize("package", ["hookpoint.hooks", "hookpoint.proxy"])
def test_every_error_code_is_described(package: str) -> None:
    codes = set(error_codes(package))
    assert codes
    missing = {code for code in codes if f"`{code}`" not in PAGES["errors"]}
    assert not missing
