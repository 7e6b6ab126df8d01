"""Texts per purpose, language and client, and the last line that binds a code to a site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final

from hookpoint.providers.errors import Misconfigured

VARIABLES: Final = frozenset({"code", "app", "minutes", "client"})
DEFAULT_TEXTS: Final[Mapping[str, str]] = {
    "en": "{code} is your verification code.",
    "de": "{code} ist Ihr Bestätigungscode.",
    "es": "{code} es su código de verificación.",
    "fr": "{code} est votre code de vérification.",
    "it": "{code} è il suo codice di verifica.",
    "pt": "{code} é o seu código de verificação.",
    "nl": "{code} is uw verificatiecode.",
}
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One text with ``{code}`` and the other variables of ``VARIABLES``; an empty condition holds for all."""

    text: str
    purpose: str = ""
    language: str = ""
    client: str = ""

    def __post_init__(self) -> None:
        try:
            names = {name for _, name, _, _ in Formatter().parse(self.text) if name is not None}
        except ValueError as error:
            raise Misconfigured(f"a template cannot be read: {error}") from None
        if unknown := sorted(names - VARIABLES):
            raise Misconfigured(f"a template has unknown variables: {', '.join(unknown)}")
        if "code" not in names:
            raise Misconfigured("a template has no {code}")


class Templates:
    """Finds and fills texts.

    The most telling template wins: its client before its purpose before its language. A language falls back from ``pt-BR``
    to ``pt`` to ``default_language`` to a template without language.
    """

    def __init__(self, templates: Iterable[Template] = (), *, default_language: str = "en") -> None:
        self._default = default_language.lower()
        self._by_key = {
            (template.client, template.purpose, template.language.lower()): template for template in templates
        }

    def find(self, *, purpose: str = "", language: str = "", client: str | None = None) -> Template:
        """The template for a message; there always is one, if only a built-in text."""
        languages = [*_wider(language), *_wider(self._default)]
        for owner in dict.fromkeys((client or "", "")):
            for wanted in dict.fromkeys((purpose, "")):
                for tag in [*languages, ""]:
                    found = self._by_key.get((owner, wanted, tag))
                    if found is not None:
                        return found
        tag = next((tag for tag in languages if tag in DEFAULT_TEXTS), "en")
        return Template(text=DEFAULT_TEXTS[tag], language=tag)

    def render(
        self,
        code: str,
        *,
        purpose: str = "",
        language: str = "",
        client: str | None = None,
        host: str | None = None,
        app: str = "",
        minutes: int | None = None,
    ) -> str:
        """The text for a code; ``host`` adds the origin-bound last line."""
        template = self.find(purpose=purpose, language=language, client=client)
        values = {"code": code, "app": app, "minutes": "" if minutes is None else str(minutes), "client": client or ""}
        text = template.text.format_map(values)
        return bound(text, host=host, code=code) if host else text


def bound(text: str, *, host: str, code: str, embedded: str | None = None) -> str:
    """Add the last line ``@host #code`` by which browsers offer a code to its own site alone.

    Source: WICG, Origin-bound one-time codes delivered via SMS. ``embedded`` names the site of a frame.

    Raises:
        ValueError: a host that is none, or a code with a space or a number sign, which would be cut off.
    """
    for name in (host, embedded or host):
        if not _HOST.fullmatch(name):
            raise ValueError(f"{name!r} is no host")
    if not code or any(character.isspace() or character in "#@" for character in code):
        raise ValueError("the code cannot stand in an origin-bound line")
    line = f"@{host} #{code}" + (f" @{embedded}" if embedded else "")
    return line if not text.strip() else f"{text.rstrip()}\n\n{line}"


def _wider(language: str) -> list[str]:
    """``pt-br`` gives ``pt-br`` and ``pt``."""
    parts = language.replace("_", "-").lower().split("-") if language else []
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
