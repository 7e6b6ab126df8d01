"""What django-allauth is told of sign-up here: a field for metadata, and mails that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.mail.backends.base import BaseEmailBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.mail import EmailMessage
    from django.http import HttpRequest

kept: list[dict[str, Any]] = []
"""Mails and metadata, in order: {to, text} or {to, user_metadata}."""


class Mailbox(BaseEmailBackend):  # type: ignore[misc]
    """Keeps mails."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep them all."""
        kept.extend({"to": mail.to[0], "text": str(mail.body)} for mail in email_messages)
        return len(email_messages)


class SignUp(forms.Form):  # type: ignore[misc]
    """More fields of sign-up."""

    user_metadata = forms.JSONField(required=False)

    def signup(self, request: HttpRequest, user: Any) -> None:
        """Keep what the fields hold."""
        kept.append({"to": user.email, "user_metadata": self.cleaned_data.get("user_metadata")})
