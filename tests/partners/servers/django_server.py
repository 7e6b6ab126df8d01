"""django-oauth-toolkit at /oauth/token and django-allauth's own provider at /identity/o/api/token, in one process."""

from __future__ import annotations

import secrets
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from tests.partners.servers.loopback import bind, read_settings, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

ROUTES = {
    "oauth2_provider:token": "token",
    "idp:oidc:token": "jwt_token",
    "idp:oidc:jwks": "jwks",
    "idp:oidc:configuration": "discovery",
}
APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.idp.oidc",
    "oauth2_provider",
]
counts: Counter[str] = Counter()


def count_routes(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware: count the views that ran, whatever spelling of their path the router accepted."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.resolver_match is not None and (name := request.resolver_match.view_name):
            counts[ROUTES.get(name, name)] += 1
        return response

    return middleware


def configure(folder: Path) -> None:
    """Set Django up with a fresh database in `folder`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    settings.configure(
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        INSTALLED_APPS=APPS,
        # Tables come straight from the models: the many migrations of these apps take seconds.
        MIGRATION_MODULES={app.rsplit(".", 1)[-1]: None for app in [*APPS, "allauth_idp_oidc"]},
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        MIDDLEWARE=[
            f"{__name__}.count_routes",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        HEADLESS_ONLY=True,
        HEADLESS_CLIENTS=("app", "browser"),
        HEADLESS_FRONTEND_URLS={
            "account_confirm_email": "https://app.example.test/verify/{key}",
            "account_reset_password_from_key": "https://app.example.test/reset/{key}",
            "account_reset_password": "https://app.example.test/forgotten",
            "account_signup": "https://app.example.test/sign-up",
        },
        ACCOUNT_SIGNUP_FIELDS=["email*", "username", "password1*"],
        ACCOUNT_SIGNUP_FORM_CLASS="tests.partners.servers.django_users.SignUp",
        ACCOUNT_LOGIN_METHODS={"email"},
        ACCOUNT_EMAIL_VERIFICATION="mandatory",
        ACCOUNT_PREVENT_ENUMERATION=False,
        ACCOUNT_RATE_LIMITS=False,
        EMAIL_BACKEND="tests.partners.servers.django_users.Mailbox",
        OAUTH2_PROVIDER={"SCOPES": {"api:read": "read", "api:write": "write"}, "PKCE_REQUIRED": True},
        IDP_OIDC_PRIVATE_KEY=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        IDP_OIDC_ACCESS_TOKEN_FORMAT="jwt",
        IDP_OIDC_RATE_LIMITS=False,
    )
    django.setup()


def register(client: dict[str, Any]) -> None:
    """Register one client with both servers."""
    from allauth.idp.oidc.models import Client
    from oauth2_provider.models import Application

    Application.objects.create(
        name=client["id"],
        client_id=client["id"],
        client_secret=client["secret"],
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )
    twin = Client(id=client["id"], name=client["id"], grant_types="client_credentials", scopes="api:read\napi:write")
    twin.set_secret(client["secret"])
    twin.save()


def main() -> None:
    """Serve until stdin closes. Settings: folder, secret [name, value], clients."""
    given = read_settings()
    configure(Path(given["folder"]))
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    from tests.partners.servers.django_users import kept

    call_command("migrate", run_syncdb=True, verbosity=0)
    for client in given["clients"]:
        register(client)
    serve(bind(), get_wsgi_application(), (given["secret"][0], given["secret"][1]), counts, kept)


def __getattr__(name: str) -> Any:
    # Django asks this module for its routes when the first request comes, after the apps are ready.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.urls import include, path
    from oauth2_provider import views

    toolkit = [
        path("token", views.TokenView.as_view(), name="token"),
        path("revoke", views.RevokeTokenView.as_view(), name="revoke-token"),
        path("introspect", views.IntrospectTokenView.as_view(), name="introspect"),
    ]
    return [
        path("oauth/", include((toolkit, "oauth2_provider"))),
        path("", include("allauth.idp.urls")),
        path("accounts/", include("allauth.urls")),
        path("_allauth/", include("allauth.headless.urls")),
    ]


if __name__ == "__main__":
    main()
