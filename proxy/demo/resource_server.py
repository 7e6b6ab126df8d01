"""An API that accepts access tokens of one issuer, as any resource server does: it knows the issuer's URL and nothing else.

It finds the keys by discovery (RFC 8414, OpenID Connect Discovery 1.0) and checks tokens as RFC 9068 section 4 says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ALGORITHMS = ["RS256", "PS256", "ES256", "Ed25519"]
KEYS_LIFETIME = 600.0  # seconds until the keys are read again
KEYS_COOLDOWN = 5.0  # seconds in which an unknown key id does not lead to another request

Clock = Callable[[], float]
Claims = Mapping[str, Any]


class TokenRefusedError(Exception):
    """The token is not good for this API; the message is for its bearer (RFC 6750 section 3.1)."""


class IssuerUnavailableError(Exception):
    """The issuer's keys cannot be read at the moment."""


class IssuerKeys:
    """The public keys of an issuer, read when they are first needed and again when they are old or one is missing."""

    def __init__(self, issuer: str, http: httpx2.AsyncClient, clock: Clock) -> None:
        self._issuer = issuer
        self._http = http
        self._clock = clock
        self._keys = KeySet([])
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def with_id(self, kid: str) -> KeySet:
        """A set of the key with that id, or an empty one; raises IssuerUnavailableError."""
        async with self._reading:
            age = self._clock() - self._read_at
            if age > KEYS_LIFETIME or (age > KEYS_COOLDOWN and not self._having(kid)):
                self._keys = await self._read()
                self._read_at = self._clock()
        return KeySet(self._having(kid))

    def _having(self, kid: str) -> list[Any]:
        return [key for key in self._keys if key.kid == kid]

    async def _read(self) -> KeySet:
        try:
            metadata = await self._document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if metadata.get("issuer") != self._issuer:
                raise IssuerUnavailableError("The discovery document is another issuer's.")
            return KeySet.import_key_set(await self._document(metadata["jwks_uri"]))
        except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            raise IssuerUnavailableError("The issuer's keys cannot be read.") from error

    async def _document(self, url: str) -> Any:
        document = (await self._http.get(url)).raise_for_status().json()
        if not isinstance(document, dict):
            raise TypeError("The document is no JSON object.")
        return document


class TokenVerifier:
    """Checks that a token comes from the issuer, is for this API, and is in force."""

    def __init__(self, issuer: str, audience: str, keys: IssuerKeys, clock: Clock) -> None:
        self._keys = keys
        self._registry = jws.JWSRegistry(algorithms=ALGORITHMS)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
            iat={"essential": True},
            client_id={"essential": True},
        )

    async def verify(self, token: str) -> Claims:
        """The claims of a good token; raises TokenRefusedError, and IssuerUnavailableError when that cannot be told."""
        try:
            kid = jws.extract_compact(token.encode("ascii")).headers().get("kid")
            if not isinstance(kid, str):
                raise TokenRefusedError("The token names no key.")
            decoded = jwt.decode(token, await self._keys.with_id(kid), registry=self._registry)
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise TokenRefusedError("The token is not valid here.") from error
        if decoded.header.get("typ") not in {"at+jwt", "application/at+jwt"}:
            raise TokenRefusedError("This is not an access token.")
        return decoded.claims


def create_resource_server(
    issuer: str, *, audience: str, http: httpx2.AsyncClient | None = None, clock: Clock = time.time
) -> Starlette:
    """An API for tokens of `issuer` that are meant for `audience`.

    `GET /whoami` takes any such token, `GET /reports` one with scope `reports:read`, `GET /debug` one with scope `debug`;
    each answers with the claims and the scope that it saw.
    """
    client = http or httpx2.AsyncClient(timeout=5.0, trust_env=False)
    verifier = TokenVerifier(issuer, audience, IssuerKeys(issuer, client, clock), clock)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        if http is None:
            await client.aclose()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/whoami", _protected(verifier), methods=["GET"]),
            Route("/reports", _protected(verifier, needs="reports:read"), methods=["GET"]),
            Route("/debug", _protected(verifier, needs="debug"), methods=["GET"]),
        ],
    )


def _protected(verifier: TokenVerifier, needs: str | None = None) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            # No error code for a request that did not try (RFC 6750 section 3.1).
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        try:
            claims = await verifier.verify(token)
        except TokenRefusedError as refusal:
            return _refusal(401, "invalid_token", str(refusal))
        except IssuerUnavailableError:
            return JSONResponse({"error": "temporarily_unavailable"}, 503, {"Retry-After": "5"})
        scope = str(claims.get("scope", "")).split()
        if needs is not None and needs not in scope:
            return _refusal(403, "insufficient_scope", f"This needs the scope {needs}.", scope=needs)
        return JSONResponse({"claims": claims, "scope": scope}, headers={"Cache-Control": "no-store"})

    return endpoint


def _refusal(status: int, error: str, description: str, **challenge: str) -> Response:
    fields = {"error": error, "error_description": description, **challenge}
    header = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in fields.items())
    body = {"error": error, "error_description": description}
    return JSONResponse(body, status, {"WWW-Authenticate": header, "Cache-Control": "no-store"})
