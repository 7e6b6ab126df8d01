"""A Django site whose users sign up with a phone number; django-allauth checks it with a code that hookpoint delivers."""

from __future__ import annotations

import secrets
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from tests.partners.servers.loopback import bind, read_settings, serve

APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.headless",
]
ADAPTER = "tests.proxy.gateway.phone_adapter"


def configure(folder: Path) -> None:
    """Set Django up with a fresh database in `folder`."""
    settings.configure(
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        INSTALLED_APPS=APPS,
        MIGRATION_MODULES={app.rsplit(".", 1)[-1]: None for app in APPS},
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        HEADLESS_ONLY=True,
        HEADLESS_CLIENTS=("app",),
        ACCOUNT_ADAPTER=f"{ADAPTER}.PhoneAdapter",
        ACCOUNT_LOGIN_METHODS={"phone"},
        ACCOUNT_SIGNUP_FIELDS=["phone*", "password1*"],
        ACCOUNT_RATE_LIMITS=False,
    )
    django.setup()


def main() -> None:
    """Serve until stdin closes. Settings: folder, secret [name, value], gateway {url, secret}."""
    given = read_settings()
    configure(Path(given["folder"]))
    import_module(ADAPTER).gateway.update(given["gateway"])
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", run_syncdb=True, verbosity=0)
    serve(bind(), get_wsgi_application(), (given["secret"][0], given["secret"][1]), Counter())


def __getattr__(name: str) -> Any:
    # Django asks this module for its routes when the first request comes, after the apps are ready.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.urls import include, path

    return [path("accounts/", include("allauth.urls")), path("_allauth/", include("allauth.headless.urls"))]


if __name__ == "__main__":
    main()
