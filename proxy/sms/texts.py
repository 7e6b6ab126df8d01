"""The text of a message that came with its code alone."""

from __future__ import annotations

from dataclasses import dataclass

from hookpoint.providers.templates import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Templates and what is filled into them; `host` is the site that codes are bound to, for its origin-bound last line."""

    templates: Templates
    app: str = ""
    minutes: int | None = None
    host: str | None = None

    def render(self, code: str, *, purpose: str, language: str, client: str | None) -> str:
        """The text for a code."""
        # A code with blanks or signs in it would be cut off in the last line.
        host = self.host if code.isalnum() else None
        return self.templates.render(
            code,
            purpose=purpose,
            language=language,
            client=client,
            host=host,
            app=self.app,
            minutes=self.minutes,
        )
