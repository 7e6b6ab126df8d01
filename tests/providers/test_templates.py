from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.providers.errors import Misconfigured
from hookpoint.providers.templates import DEFAULT_TEXTS, Template, Templates, bound

OWN = Templates(
    [
        Template(text="mfa {code}", purpose="mfa"),
        Template(text="mfa pt {code}", purpose="mfa", language="pt"),
        Template(text="app {code}", client="app"),
        Template(text="app mfa {code}", client="app", purpose="mfa"),
        Template(text="app de-AT {code}", client="app", language="de-AT"),
    ]
)


@pytest.mark.parametrize(
    ("purpose", "language", "client", "expected"),
    [
        ("", "", None, DEFAULT_TEXTS["en"]),
        ("", "de-CH", None, DEFAULT_TEXTS["de"]),
        ("", "ja", None, DEFAULT_TEXTS["en"]),
        ("mfa", "de", None, "mfa {code}"),
        ("mfa", "pt-BR", None, "mfa pt {code}"),
        ("mfa", "pt_br", "other", "mfa pt {code}"),
        ("sign-up", "", "app", "app {code}"),
        ("mfa", "pt", "app", "app mfa {code}"),
        ("sign-up", "de-at", "app", "app de-AT {code}"),
    ],
)
def test_the_most_telling_template_wins(purpose: str, language: str, client: str | None, expected: str) -> None:
    assert OWN.find(purpose=purpose, language=language, client=client).text == expected


def test_the_default_language_goes_before_english() -> None:
    assert Templates(default_language="fr").find(language="ja").text == DEFAULT_TEXTS["fr"]


@pytest.mark.parametrize("text", ["no code", "{code", "{code} {other}", "{code.__class__}", "{} {code}", "{code[0]}"])
def test_templates_that_cannot_be(text: str) -> None:
    with pytest.raises(Misconfigured):
        Template(text=text)


def test_all_variables_are_filled() -> None:
    templates = Templates([Template(text="{app}: {code}, {minutes} min, {client}")])
    assert templates.render("1234", app="Acme", minutes=5, client="web") == "Acme: 1234, 5 min, web"
    assert templates.render("1234") == ": 1234,  min, "


def test_the_last_line_binds_the_code_to_a_site() -> None:
    text = Templates().render("747723", host="example.com")
    assert text == "747723 is your verification code.\n\n@example.com #747723"
    assert bound("x", host="example.com", code="1", embedded="frame.example").endswith(
        "\n@example.com #1 @frame.example"
    )
    assert bound("", host="example.com", code="1") == "@example.com #1"


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("example.com", ""),
        ("example.com", "12 34"),
        ("example.com", "12#4"),
        ("exa mple.com", "1"),
        ("a\nb", "1"),
        ("", "1"),
    ],
)
def test_what_cannot_be_bound(host: str, code: str) -> None:
    with pytest.raises(ValueError, match=r"host|code"):
        bound("x", host=host, code=code)


@given(
    text=st.text(max_size=200),
    host=st.from_regex(r"\A[a-z0-9]{1,20}(\.[a-z]{2,8}){1,2}\Z"),
    code=st.from_regex(r"\A[A-Z0-9-]{1,12}\Z"),
)
def test_browsers_find_the_code(text: str, host: str, code: str) -> None:
    """The grammar: the last line begins with @host, then one space, then # and the code."""
    last = re.split(r"\r\n|\n", bound(text, host=host, code=code))[-1]
    found = re.fullmatch(r"@(?P<host>[^\s#@]+) #(?P<code>[^\s#@]+)", last)
    assert found is not None
    assert found.groupdict() == {"host": host, "code": code}
