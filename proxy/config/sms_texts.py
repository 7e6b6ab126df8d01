"""Sections [[sms.templates]] and around: the text of messages that come with a code alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from hookpoint.proxy.config.section import Count, Section, refuse


def _check_text(text: str) -> str:
    # Loaded only when there are templates: configurations without them need nothing of the providers.
    from hookpoint.providers import Misconfigured
    from hookpoint.providers.templates import VARIABLES, Template

    try:
        Template(text=text)
    except Misconfigured as error:
        names = ", ".join(f"{{{name}}}" for name in sorted(VARIABLES))
        raise refuse(error.detail, f"A text has {{code}} and may have more of {names}.") from None
    return text


class SmsTemplateSettings(Section):
    """One text; the template that says most wins, its client before its purpose before its language."""

    text: Annotated[str, AfterValidator(_check_text)] = Field(examples=["{code} is your code for {app}."])
    """The text, with `{code}` and perhaps `{app}`, `{minutes}` and `{client}`."""

    purpose: str = Field(default="", examples=["enrollment"])
    """Only for this purpose."""

    language: str = Field(default="", examples=["pt-BR"])
    """Only for this language (BCP 47); `pt-BR` falls back to `pt`."""

    client: str = Field(default="", examples=["web"])
    """Only for this client."""


class SmsTextSettings(Section):
    """What is said where the caller sends a code and no text. Built in are English, German and some others."""

    templates: tuple[SmsTemplateSettings, ...] = Field(
        default=(), examples=[[{"text": "{code} is your code for {app}.", "language": "en"}]]
    )
    """Texts of one's own."""

    default_language: str = Field(default="en", examples=["de"])
    """For messages without a language, or with one that there is no text in."""

    app: str = Field(default="", examples=["Acme"])
    """What `{app}` stands for."""

    code_minutes: Count | None = Field(default=None, examples=[10])
    """What `{minutes}` stands for: how long the server takes the code."""

    code_host: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")] | None = Field(
        default=None, examples=["login.example.com"]
    )
    """The site that codes are bound to, by a last line `@host #code`: browsers offer them there alone."""
