"""Dialect files: what they extend, and what is said of mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hookpoint.proxy.dialects import DialectError, dialect_names, load_dialect
from hookpoint.proxy.dialects.places import parse_place
from hookpoint.proxy.dialects.templates import fill, fill_html, fill_path


def write(folder: Path, text: str, name: str = "mine.toml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize("name", dialect_names())
def test_every_dialect_that_comes_along_loads(name: str) -> None:
    dialect = load_dialect(name)
    assert dialect.title
    paths = [route.path for route in (*dialect.sign_up.values(), *dialect.password_change.values())]
    assert not any("{base}" in path for path in (*paths, *dialect.token.paths))


def test_a_file_changes_what_it_extends(tmp_path: Path) -> None:
    write(tmp_path, 'extends = "better-auth"\nbase = "/auth"\n[sign_up]\nadmin = false\n', "below.toml")
    text = 'extends = "below.toml"\n[sign_up.email.request]\nuser_metadata = "/userMetadata"\n'
    dialect = load_dialect(write(tmp_path, text))
    assert list(dialect.sign_up) == ["email"]
    assert dialect.sign_up["email"].path == "/auth/sign-up/email"
    assert dialect.sign_up["email"].request.user_metadata == ("/userMetadata",)
    assert dialect.sign_up["email"].request.email == ("/email",)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('extends = "oicd"', "extends: write the path of a file, or one of auth0"),
        ('extends = "mine.toml"', "goes round in a circle"),
        ('extends = "absent.toml"', "cannot be read"),
        ('extends = "oidc"\nbase = "auth"', "base: write a path"),
        ('extends = "oidc"\n[sign_up.a]\npath = "/a"\nbody = "json"', "sign_up.a.body: Extra inputs"),
        ('extends = "oidc"\n[sign_up.a]\npath = "/a"\nrequest = { email = "email" }', "'email' is no place"),
        ('extends = "oidc"\n[sign_up.a]\npath = "/a"\nuser = { id = "id" }', "'id' is no JSON pointer"),
        ('extends = "oidc"\n[sign_up.a]\npath = "/a"\n[sign_up.b]\npath = "/a"', "sign_up.b has the path of sign_up.a"),
        ('extends = "oidc"\n[denial]\nbody = { msg = "{text}" }', "denial fills in text, which is not known there"),
        ('extends = "oidc"\n[denial]\nbody = { a = 1 }\nhtml = "x"', "a body or html, not both"),
        (
            'extends = "oidc"\n[sign_up.a]\npath = "/a"\nmetadata = { path = "/users/{uid}", body = "{app_metadata}" }',
            "metadata fills in uid",
        ),
        (
            'extends = "oidc"\n[sign_up.a]\npath = "/a"\nmetadata = { path = "/users/{id}" }',
            "neither {user_metadata} nor {app_metadata}",
        ),
        ("title = ", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, wrong: str) -> None:
    with pytest.raises(DialectError) as raised:
        load_dialect(write(tmp_path, text))
    assert wrong in str(raised.value)
    assert "mine.toml" in str(raised.value) or "absent.toml" in str(raised.value)


@pytest.mark.parametrize("text", ["", "email", "/", "//x", "form:", "header:x", "jwt:/token", "/a~2", "query: x"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no place"):
        parse_place(text)


def test_templates_fill_in_values_of_any_type() -> None:
    values = {"app_metadata": {"a": [1]}, "id": "a/b?c", "message": "<b>&", "none": None}
    filled = fill({"x": "{app_metadata}", "y": ["{id}!"], "z": "{none}", "w": 1}, values)
    assert filled == {"x": {"a": [1]}, "y": ["a/b?c!"], "w": 1}
    assert fill_path("/users/{id}", values) == "/users/a%2Fb%3Fc"
    assert fill_html("<p>{message}</p>", values) == "<p>&lt;b&gt;&amp;</p>"
