"""Fixtures of this folder's own tests."""

from __future__ import annotations

from tests.partners.fixtures import (
    better_auth,
    canaille,
    django_provider,
    mock_server,
    oidc_provider,
    openid_client_script,
    running_mock_server,
)

__all__ = [
    "better_auth",
    "canaille",
    "django_provider",
    "mock_server",
    "oidc_provider",
    "openid_client_script",
    "running_mock_server",
]
