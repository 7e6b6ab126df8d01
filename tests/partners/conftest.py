"""Fixtures of this folder's own tests."""

from __future__ import annotations

from tests.partners.fixtures import canaille, django_provider, mock_server, oidc_provider, running_mock_server

__all__ = ["canaille", "django_provider", "mock_server", "oidc_provider", "running_mock_server"]
