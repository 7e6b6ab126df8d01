"""Codes as a voice reads them: one sign at a time, twice."""

from __future__ import annotations

from hookpoint.providers.message import Message


def spelled(code: str) -> str:
    """The signs of a code with a pause between them."""
    return ", ".join(character for character in code if not character.isspace() and character not in "-.")


def spoken(message: Message) -> str:
    """The text with its code spelled, said twice; without a known code the text as it is."""
    if not message.code or message.code not in message.text:
        return message.text
    sentence = message.text.replace(message.code, spelled(message.code))
    return f"{sentence} {sentence}"
