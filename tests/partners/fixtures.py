"""Fixtures for tests against real servers; import the ones you use into a `conftest.py`.

Servers whose issuer must be a proxy's public URL are started with the `run_...` functions, or with the `start_...` factories
here, which stop everything at the end of the module.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.partners.better_auth import run_better_auth
from tests.partners.canaille import run_canaille
from tests.partners.django_provider import DjangoProvider, run_django_provider
from tests.partners.mock_server import MockServer, run_mock_server
from tests.partners.oidc_provider import run_oidc_provider
from tests.partners.openid_client import SCRIPT
from tests.partners.partner import SECRET_HEADER, Partner
from tests.partners.running_script import RunningScript, run_answering

if TYPE_CHECKING:
    from collections.abc import Iterator


class StartPartner(Protocol):
    """Start one more server under `issuer` (None: its own address); it stops when the module's tests are done."""

    def __call__(self, issuer: str | None = None, secret: tuple[str, str] = SECRET_HEADER) -> Partner: ...


class StartMockServer(Protocol):
    """As StartPartner."""

    def __call__(self, issuer: str | None = None, secret: tuple[str, str] = SECRET_HEADER) -> MockServer: ...


class StartDjangoProvider(Protocol):
    """As StartPartner."""

    def __call__(self, issuer: str | None = None, secret: tuple[str, str] = SECRET_HEADER) -> DjangoProvider: ...


@pytest.fixture(scope="module")
def start_oidc_provider() -> Iterator[StartPartner]:
    """A factory of oidc-provider servers."""
    with ExitStack() as running:
        yield lambda issuer=None, secret=SECRET_HEADER: running.enter_context(run_oidc_provider(issuer, secret))


@pytest.fixture(scope="module")
def start_mock_server() -> Iterator[StartMockServer]:
    """A factory of oauth2-mock-server servers that misbehave on demand."""
    with ExitStack() as running:
        yield lambda issuer=None, secret=SECRET_HEADER: running.enter_context(run_mock_server(issuer, secret))


@pytest.fixture(scope="module")
def start_django_provider() -> Iterator[StartDjangoProvider]:
    """A factory of Django servers."""
    with ExitStack() as running:
        yield lambda issuer=None, secret=SECRET_HEADER: running.enter_context(run_django_provider(issuer, secret))


@pytest.fixture(scope="module")
def start_canaille() -> Iterator[StartPartner]:
    """A factory of Canaille servers."""
    with ExitStack() as running:
        yield lambda issuer=None, secret=SECRET_HEADER: running.enter_context(run_canaille(issuer, secret))


@pytest.fixture(scope="module")
def start_better_auth() -> Iterator[StartPartner]:
    """A factory of better-auth servers."""
    with ExitStack() as running:
        yield lambda issuer=None, secret=SECRET_HEADER: running.enter_context(run_better_auth(issuer, secret))


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[Partner]:
    """oidc-provider under its own address."""
    with run_oidc_provider() as partner:
        yield partner


@pytest.fixture(scope="session")
def django_provider() -> Iterator[DjangoProvider]:
    """django-oauth-toolkit and django-allauth under their own address."""
    with run_django_provider() as partner:
        yield partner


@pytest.fixture(scope="session")
def canaille() -> Iterator[Partner]:
    """Canaille under its own address."""
    with run_canaille() as partner:
        yield partner


@pytest.fixture(scope="session")
def better_auth() -> Iterator[Partner]:
    """better-auth under its own address."""
    with run_better_auth() as partner:
        yield partner


@pytest.fixture(scope="session")
def running_mock_server() -> Iterator[MockServer]:
    """The process behind `mock_server`."""
    with run_mock_server() as partner:
        yield partner


@pytest.fixture
def mock_server(running_mock_server: MockServer) -> MockServer:
    """oauth2-mock-server under its own address, honest and with counters at zero at the start of each test."""
    running_mock_server.behave()
    return running_mock_server


@pytest.fixture(scope="session")
def openid_client_script() -> Iterator[RunningScript]:
    """openid-client, waiting for what it shall do."""
    with run_answering(SCRIPT) as script:
        yield script
