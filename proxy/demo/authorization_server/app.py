"""The authorization server as a Starlette application."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from authlib.common.security import is_secure_transport
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from joserfc.jwk import Key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.authorization_server.bodies import read_parameters
from hookpoint.proxy.demo.authorization_server.clients import CLIENT_AUTH_METHODS, Client
from hookpoint.proxy.demo.authorization_server.codes import CodeSender, PrintedCodes
from hookpoint.proxy.demo.authorization_server.forms import Form, FormRequest, read_form
from hookpoint.proxy.demo.authorization_server.mail import Mailer, PrintedMail
from hookpoint.proxy.demo.authorization_server.management import Management
from hookpoint.proxy.demo.authorization_server.mfa import CHALLENGE_PATH, Mfa
from hookpoint.proxy.demo.authorization_server.password_reset import PasswordReset
from hookpoint.proxy.demo.authorization_server.passwords import PasswordHasher
from hookpoint.proxy.demo.authorization_server.second_factors import SecondFactors
from hookpoint.proxy.demo.authorization_server.server import DemoAuthorizationServer
from hookpoint.proxy.demo.authorization_server.sign_up import sign_up_route
from hookpoint.proxy.demo.authorization_server.tenant import Tenant
from hookpoint.proxy.demo.authorization_server.tokens import Clock, TokenIssuer
from hookpoint.proxy.demo.authorization_server.user_grants import USER_GRANTS, UserGrants
from hookpoint.proxy.demo.authorization_server.userinfo import USERINFO_PATH, userinfo_route
from hookpoint.proxy.demo.authorization_server.users import Users

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
INTROSPECTION_PATH = "/oauth/introspect"
REVOCATION_PATH = "/oauth/revoke"
JWKS_PATH = "/.well-known/jwks.json"
PUBLIC_DOCUMENT = {"Cache-Control": "public, max-age=300"}


def create_authorization_server(
    issuer: str,
    *,
    clients: Iterable[Client],
    signing_key: Key,
    token_lifetime: int = 3600,
    mailer: Mailer | None = None,
    codes: CodeSender | None = None,
    hasher: PasswordHasher | None = None,
    names_existing_users: bool = False,
    clock: Clock = time.time,
) -> Starlette:
    """An OAuth 2.0 server for `clients` that signs with `signing_key` (RSA or P-256) in the name of `issuer`.

    `issuer` is the URL at which clients reach the server: https, or http on a loopback address; a ValueError otherwise.
    `token_lifetime` is in seconds; `clock` tells Unix time. Mails, and codes for phones, are printed where nothing else is
    said. Users sign up and log in as they do at Auth0; `names_existing_users` says at a second sign-up that there is one already.
    """
    if not is_secure_transport(issuer):
        raise ValueError(f"{issuer!r} cannot be an issuer: it has to be an https URL, or http on a loopback address.")
    signing_key.ensure_kid()
    tokens = TokenIssuer(issuer=issuer, signing_key=signing_key, lifetime=token_lifetime, clock=clock)
    base = issuer.rstrip("/")
    server = DemoAuthorizationServer(clients, tokens, token_endpoint=base + TOKEN_PATH)
    tenant = Tenant(
        base=base,
        server=server,
        users=Users(hasher or PasswordHasher(), clock),
        factors=SecondFactors(clock),
        mailer=mailer or PrintedMail(sys.stdout),
        codes=codes or PrintedCodes(sys.stdout),
        clock=clock,
        names_existing_users=names_existing_users,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await tenant.codes.aclose()

    return Starlette(lifespan=lifespan, routes=[*_oauth_routes(tenant), *_user_routes(tenant)])


def _oauth_routes(tenant: Tenant) -> list[Route]:
    server, base = tenant.server, tenant.base
    user_grants = UserGrants(tenant)

    async def token(request: FormRequest) -> Response:
        if "grant_type" not in request.form:
            raise InvalidRequestError("The grant_type is missing.")
        if request.form["grant_type"] in USER_GRANTS:
            return await user_grants.answer(request)
        response: Response = server.create_token_response(request)
        return response

    async def introspect(request: FormRequest) -> Response:
        response: Response = server.create_endpoint_response("introspection", request)
        return response

    async def revoke(request: FormRequest) -> Response:
        response: Response = server.create_endpoint_response("revocation", request)
        return response

    issuer = server.token_issuer
    public_key = issuer.signing_key.as_dict(private=False, use="sig", alg=issuer.algorithm)
    metadata = _metadata(server, base)
    return [
        _parameters_route(server, base, TOKEN_PATH, token, read_parameters),
        _parameters_route(server, base, INTROSPECTION_PATH, introspect, read_form),
        _parameters_route(server, base, REVOCATION_PATH, revoke, read_form),
        _document_route(JWKS_PATH, {"keys": [public_key]}),
        _document_route("/.well-known/openid-configuration", metadata),
        _document_route("/.well-known/oauth-authorization-server", metadata),
    ]


def _user_routes(tenant: Tenant) -> list[Route]:
    return [
        sign_up_route(tenant),
        *PasswordReset(tenant=tenant).routes,
        *Mfa(tenant).routes,
        userinfo_route(tenant),
        *Management(tenant).routes,
    ]


def _metadata(server: DemoAuthorizationServer, base: str) -> dict[str, object]:
    """What RFC 8414 section 2 and OpenID Connect Discovery 1.0 section 3 let clients know."""
    endpoints = {"token": TOKEN_PATH, "introspection": INTROSPECTION_PATH, "revocation": REVOCATION_PATH}
    return {
        "issuer": server.token_issuer.issuer,
        **{f"{name}_endpoint": base + path for name, path in endpoints.items()},
        **{f"{name}_endpoint_auth_methods_supported": CLIENT_AUTH_METHODS for name in endpoints},
        **{f"{name}_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"] for name in endpoints},
        "userinfo_endpoint": base + USERINFO_PATH,
        "mfa_challenge_endpoint": base + CHALLENGE_PATH,
        "jwks_uri": base + JWKS_PATH,
        "scopes_supported": sorted({scope for client in server.clients for scope in client.scopes}),
        "response_types_supported": ["none"],  # required, though there is no authorization endpoint
        "grant_types_supported": sorted({"client_credentials", *USER_GRANTS}),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [server.token_issuer.algorithm],
    }


def _parameters_route(
    server: DemoAuthorizationServer,
    base: str,
    path: str,
    answer: Callable[[FormRequest], Awaitable[Response]],
    read: Callable[[Request], Awaitable[Form]],
) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await answer(FormRequest(request, base + path, await read(request)))
        except OAuth2Error as error:
            response: Response = server.handle_error_response(request, error)
            return response

    return Route(path, endpoint, methods=["POST"])


def _document_route(path: str, document: dict[str, object]) -> Route:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(document, headers=PUBLIC_DOCUMENT)

    return Route(path, endpoint, methods=["GET"])
