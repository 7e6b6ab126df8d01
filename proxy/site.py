"""The server as it is seen below one mount root: what it is, which routes are intercepted, and what happens there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.hooks import Chain, Request
from hookpoint.hooks.deliveries import Resolver
from hookpoint.proxy.config import Settings
from hookpoint.proxy.dialects import Dialect, load_dialect
from hookpoint.proxy.discovery import ENDPOINT_MEMBERS, DiscoveryFailed, ServerDocuments, ServerMetadata
from hookpoint.proxy.flows.bearer import BearerTokens
from hookpoint.proxy.flows.documents import JwksFlow, MetadataFlow
from hookpoint.proxy.flows.exchanged import ExchangedTokens
from hookpoint.proxy.flows.flow import Flow
from hookpoint.proxy.flows.intercepted import Directory
from hookpoint.proxy.flows.issuer import Issuer
from hookpoint.proxy.flows.leaks import LeakDetector
from hookpoint.proxy.flows.opaque import IntrospectionClient, OpaqueTokens
from hookpoint.proxy.flows.refreshes import Refreshes
from hookpoint.proxy.flows.token import TokenFlow, TokenPolicy
from hookpoint.proxy.flows.token_request import TokenRequestLimits
from hookpoint.proxy.flows.undo import Undo
from hookpoint.proxy.observability import Metrics
from hookpoint.proxy.returning import returning_flows, returning_routes
from hookpoint.proxy.routes import Route, RouteError, RouteTable
from hookpoint.proxy.tokens.algorithms import ALGORITHMS
from hookpoint.proxy.tokens.errors import FetchFailed, KeysUnavailable
from hookpoint.proxy.tokens.own_tokens import OwnTokens
from hookpoint.proxy.tokens.publishing import published_jwks
from hookpoint.proxy.tokens.remote_keys import FetchedKeys, RemoteKeySet
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.tokens.verification import TokenVerifier
from hookpoint.proxy.users.deliveries import Outbox
from hookpoint.proxy.users.resolving import SignUpResolver
from hookpoint.proxy.users.site import UserParts, configured_admin, server_calls, user_flows, user_routes
from hookpoint.proxy.vault.locks import Locks
from hookpoint.proxy.vault.vault import Vault

TOKEN = "token"  # noqa: S105 - the kind of a route
JWKS = "jwks"
METADATA = "metadata"
_RESOURCE_METADATA = "/.well-known/oauth-protected-resource"  # RFC 9728 section 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the sites of one runtime share.

    `intercepts` is whether there is anything to do with tokens at all. Without a vault originals are not kept, and nothing is known of
    `own_tokens` that come back. Without an outbox no hook is told of sign-ups and changes of passwords afterwards.
    """

    app: ASGIApp
    settings: Settings
    chain: Chain
    keys: SigningKeys
    vault: Vault | None
    own_tokens: OwnTokens | None
    locks: Locks
    metrics: Metrics
    directory: Directory
    describe: Callable[[Scope], Request]
    intercepts: bool
    outbox: Outbox | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server that is known: its routes, and the flow of each kind of route.

    `bearer` looks at the credentials of all requests, `leaks` at the answers to those that have no route. `resolver` finds out what
    became of calls that were cut off.
    """

    metadata: ServerMetadata
    table: RouteTable
    routes: tuple[Route, ...]
    flows: Mapping[str, Flow]
    keys: RemoteKeySet
    bearer: BearerTokens | None = None
    leaks: LeakDetector | None = None
    resolver: Resolver | None = None

    async def aclose(self) -> None:
        """Stop fetching keys."""
        await self.keys.aclose()


async def load_site(parts: Parts, root_path: str) -> Site:
    """Ask the server what it is and lay out what happens where.

    Raises DiscoveryFailed when it does not say and the configuration does not either, SigningKeyError when its keys clash with
    hookpoint's.
    """
    settings = parts.settings
    dialect = load_dialect(settings.upstream.dialect)
    documents = server_documents(parts.app, settings, dialect, root_path)
    try:
        metadata = await documents.metadata()
    except DiscoveryFailed:
        # Without the server's word the token endpoint may be anywhere, unless the configuration says where.
        if not settings.upstream.routes.token:
            raise
        metadata = documents.assumed()
    keys = RemoteKeySet(lambda: _fetch_keys(documents, metadata, parts.metrics))
    flows: dict[str, Flow] = {}
    routes: list[Route] = []
    if parts.intercepts:
        await _prepare_keys(parts, keys)
        flows = _flows(parts, dialect, metadata, keys, root_path)
        routes = _routes(metadata, flows)
    for_users = user_routes(dialect, parts.chain, announces=parts.outbox is not None)
    routes += for_users
    user_parts = _user_parts(parts, metadata)
    flows |= user_flows(user_parts, dialect, for_users)
    try:
        table = RouteTable(routes, root_path=root_path)
    except RouteError as error:
        raise DiscoveryFailed(
            f"routes of the dialect, the configuration and discovery do not go together: {error}"
        ) from error
    log.info(
        "server_known",
        issuer=metadata.issuer,
        routes=[f"{route.kind} {root_path}{route.path}" for route in routes],
        jwks=metadata.jwks_source,
    )
    return Site(
        metadata=metadata,
        table=table,
        routes=tuple(routes),
        flows=flows,
        keys=keys,
        bearer=BearerTokens(parts.own_tokens) if parts.own_tokens is not None and parts.intercepts else None,
        leaks=_leak_detector(parts, metadata, keys),
        resolver=SignUpResolver(dialect, server_calls(user_parts), lambda: documents.request("/")),
    )


def _user_parts(parts: Parts, metadata: ServerMetadata) -> UserParts:
    return UserParts(
        app=parts.app,
        settings=parts.settings,
        chain=parts.chain,
        directory=parts.directory,
        describe=parts.describe,
        outbox=parts.outbox,
        admin=configured_admin(parts.app, parts.settings, token_paths=metadata.token_paths),
    )


def server_documents(app: ASGIApp, settings: Settings, dialect: Dialect, root_path: str = "") -> ServerDocuments:
    """How the documents of the configured server are read."""
    upstream, routes = settings.upstream, settings.upstream.routes
    known = [settings.server.public_url, _origin(upstream.issuer), upstream.url]
    origins = [origin for origin in known if origin]
    return ServerDocuments(
        app,
        dialect,
        base_url=next(iter(origins), "http://localhost"),
        origins=origins,
        issuer=upstream.issuer,
        jwks_uri=upstream.jwks_uri,
        token_paths=routes.token,
        jwks_paths=routes.jwks,
        discovery_paths=routes.discovery,
        endpoint_paths={name: getattr(routes, name) for name in ENDPOINT_MEMBERS},
        root_path=root_path,
    )


def public_origin(settings: Settings, metadata: ServerMetadata) -> str:
    """The origin that clients see: as configured, or that of the issuer."""
    return settings.server.public_url or _origin(metadata.issuer) or settings.upstream.url or "http://localhost"


def _origin(url: str | None) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


async def _fetch_keys(documents: ServerDocuments, metadata: ServerMetadata, metrics: Metrics) -> FetchedKeys:
    try:
        if metadata.jwks_source is None:
            raise FetchFailed("it is not known where the server publishes its keys; set upstream.jwks_uri")
        fetched = await documents.keys(metadata.jwks_source)
    except FetchFailed:
        metrics.jwks_fetch("failed")
        raise
    metrics.jwks_fetch("ok")
    return fetched


async def _prepare_keys(parts: Parts, keys: RemoteKeySet) -> None:
    """Have the keys ready, and published, that the first tokens will be signed with."""
    try:
        published = await keys.keys()
    except KeysUnavailable:
        published = ()  # they are asked for again with the first token
    configured = parts.settings.tokens.algorithm
    algorithms = {configured} if configured != "upstream" else set(filter(None, map(algorithm_of, published)))
    await parts.keys.prepare(sorted(algorithms))
    parts.keys.check_collision(published)


def algorithm_of(jwk: Mapping[str, object]) -> str | None:
    """The algorithm that a published key signs tokens with, as far as the key tells (RFC 7517 section 4.4)."""
    declared = jwk.get("alg")
    if isinstance(declared, str):
        return declared if declared in ALGORITHMS else None
    curves = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
    return "RS256" if jwk.get("kty") == "RSA" else curves.get(str(jwk.get("crv")))


def _flows(
    parts: Parts, dialect: Dialect, metadata: ServerMetadata, keys: RemoteKeySet, root_path: str
) -> dict[str, Flow]:
    settings = parts.settings
    rewrites = settings.tokens.issuer == "rewrite"
    public = public_origin(settings, metadata)
    # The path stays: clients find the metadata by it (RFC 8414 section 3.1).
    public_issuer = public + urlsplit(metadata.issuer or "").path if rewrites else None

    async def publish() -> bytes:
        own = await parts.keys.jwks_to_publish()
        upstream = () if settings.tokens.jwks == "exclusive" else await keys.keys()
        return published_jwks(own, upstream, settings.tokens.jwks)

    flows: dict[str, Flow] = {
        TOKEN: _token_flow(parts, dialect, metadata, keys, public_issuer),
        JWKS: JwksFlow(parts.app, publish),
        **returning_flows(parts.app, settings, dialect, parts.own_tokens, lambda scope: parts.describe(scope).id),
    }
    if metadata.document is not None and (rewrites or metadata.jwks_is_elsewhere):
        flows[METADATA] = MetadataFlow(
            parts.app,
            public_origin=public,
            origins=frozenset(filter(None, (_origin(metadata.issuer), _origin(settings.upstream.url)))),
            upstream_issuer=metadata.issuer or "",
            issuer=public_issuer,
            jwks_uri=public + root_path + metadata.jwks_path,
            timeout=settings.limits.upstream_header_timeout,
        )
    return flows


def _token_flow(
    parts: Parts, dialect: Dialect, metadata: ServerMetadata, keys: RemoteKeySet, public_issuer: str | None
) -> TokenFlow:
    settings, limits = parts.settings, parts.settings.limits
    app = parts.app
    if parts.own_tokens is not None:
        app = ExchangedTokens(
            app, parts.own_tokens, max_bytes=limits.intercepted_body_bytes, timeout=limits.body_timeout
        )
    algorithm = None if settings.tokens.algorithm == "upstream" else settings.tokens.algorithm
    return TokenFlow(
        app,
        chain=parts.chain,
        verifier=TokenVerifier(
            keys,
            issuer=metadata.issuer or "",
            algorithms=frozenset(settings.tokens.upstream_algorithms),
            typ=settings.tokens.typ,
            max_bytes=settings.tokens.max_bytes,
        ),
        issuer=Issuer(
            parts.keys,
            parts.vault,
            parts.metrics,
            algorithm=algorithm,
            issuer=public_issuer,
            max_bytes=settings.tokens.max_bytes,
        ),
        opaque=OpaqueTokens(
            parts.app,
            parts.vault,
            path=metadata.endpoint("introspection"),
            client=_introspection_client(settings),
            issuer=public_issuer or metadata.issuer or public_origin(settings, metadata),
            algorithm=algorithm or "RS256",
        ),
        refreshes=Refreshes(parts.vault, parts.locks, timeout=limits.token_timeout) if parts.vault else None,
        undo=Undo(parts.app, metadata.endpoint("revocation")),
        dialect=dialect,
        directory=parts.directory,
        describe=parts.describe,
        policy=TokenPolicy(
            reissue_always=public_issuer is not None or settings.tokens.jwks == "exclusive",
            mint=settings.tokens.opaque == "mint",
            timeout=limits.token_timeout,
            request=TokenRequestLimits(body_bytes=limits.intercepted_body_bytes, body_timeout=limits.body_timeout),
        ),
    )


def _leak_detector(parts: Parts, metadata: ServerMetadata, keys: RemoteKeySet) -> LeakDetector | None:
    if not parts.intercepts or parts.settings.tokens.leak_detector == "off" or not metadata.issuer:
        return None
    return LeakDetector(keys, issuer=metadata.issuer, metrics=parts.metrics)


def _introspection_client(settings: Settings) -> IntrospectionClient | None:
    client = settings.upstream.introspection
    if client is None:
        return None
    return IntrospectionClient(client_id=client.client_id, client_secret=client.client_secret.get_secret_value())


def _routes(metadata: ServerMetadata, flows: Mapping[str, Flow]) -> list[Route]:
    routes = [Route(kind=TOKEN, path=path) for path in metadata.token_paths]
    routes.append(Route(kind=JWKS, path=metadata.jwks_path))
    if METADATA in flows:
        paths = dict.fromkeys((*metadata.discovery_paths, _RESOURCE_METADATA))
        routes += [Route(kind=METADATA, path=path) for path in paths]
    return routes + returning_routes(metadata, flows, taken={route.path for route in routes})
