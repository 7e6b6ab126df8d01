"""Reads what the server publishes about itself: its metadata (RFC 8414, OpenID Connect Discovery) and its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx2
import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.dialects import Dialect
from hookpoint.proxy.tokens.errors import FetchFailed
from hookpoint.proxy.tokens.remote_keys import FetchedKeys
from hookpoint.proxy.wrapped import CallFailed, call, document_request

MAX_DOCUMENT = 256 * 1024
DOCUMENT_TIMEOUT = 5.0
# The endpoints besides that for tokens, and their members in metadata (RFC 8414 section 2, RFC 9126, OpenID Connect Discovery).
ENDPOINT_MEMBERS: Final = {
    "introspection": "introspection_endpoint",
    "revocation": "revocation_endpoint",
    "userinfo": "userinfo_endpoint",
    "authorization": "authorization_endpoint",
    "pushed_authorization": "pushed_authorization_request_endpoint",
    "end_session": "end_session_endpoint",
}
_MAX_AGE = re.compile(rb"(?:^|[\s,])max-age=\"?(\d{1,9})")

log = structlog.get_logger(__name__)


class DiscoveryFailed(Exception):  # noqa: N818 - names the event, as in the logs
    """The server did not say what it is; `reason` is for operators."""

    code = "discovery_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetadata:
    """What is known of the server; paths are as clients see them, below the mount root.

    `jwks_source` is where its keys are read: a path of the server, or a URL elsewhere that the configuration allows.
    `jwks_path` is where hookpoint publishes keys. `endpoints` are the paths of its other endpoints by their names, such as
    `introspection`. `document` is None for a server without discovery.
    """

    issuer: str | None
    token_paths: tuple[str, ...]
    jwks_path: str
    jwks_source: str | None
    discovery_paths: tuple[str, ...] = ()
    endpoints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    document: Mapping[str, object] | None = field(default=None, repr=False)

    def endpoint(self, name: str) -> str | None:
        """The path of an endpoint, None for a server that has none."""
        return next(iter(self.endpoints.get(name, ())), None)

    @property
    def jwks_is_elsewhere(self) -> bool:
        """Whether `jwks_uri` of the server's own metadata is not the place where hookpoint publishes."""
        return self.jwks_source is not None and self.jwks_source != self.jwks_path


class ServerDocuments:
    """Reads the documents of one server through the application that stands before it.

    `base_url` is the public origin: it gives Host and scheme. `origins` are all origins that mean this server. `issuer` and
    `jwks_uri` come from the configuration and are checked against, or used in place of, what discovery says.
    """

    def __init__(
        self,
        app: ASGIApp,
        dialect: Dialect,
        *,
        base_url: str,
        origins: Iterable[str],
        issuer: str | None = None,
        jwks_uri: str | None = None,
        token_paths: tuple[str, ...] = (),
        jwks_paths: tuple[str, ...] = (),
        discovery_paths: tuple[str, ...] = (),
        endpoint_paths: Mapping[str, tuple[str, ...]] | None = None,
        root_path: str = "",
    ) -> None:
        self._app = app
        self._dialect = dialect
        self._base = urlsplit(base_url)
        self._origins = frozenset(origins)
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._token_paths = token_paths
        self._jwks_paths = jwks_paths
        self._discovery_paths = discovery_paths
        self._endpoint_paths = endpoint_paths or {}
        self._root_path = root_path

    async def metadata(self) -> ServerMetadata:
        """Read the metadata; raises DiscoveryFailed when the server cannot be reached or contradicts the configuration."""
        document: JsonObject | None = None
        for path in self._candidates():
            answer = await self._get(path)
            if answer.status == 200:
                document = self._parse(path, answer)
                break
            if answer.status >= 500:
                raise DiscoveryFailed(f"the server answered {answer.status} for {path}")
        return self._interpret(document)

    def assumed(self) -> ServerMetadata:
        """What the configuration and the dialect say of a server that cannot be asked."""
        return self._interpret(None)

    async def keys(self, source: str) -> FetchedKeys:
        """Read the key set from a path of the server, or from an allowed URL; raises FetchFailed."""
        if not source.startswith("/"):
            return await self._fetch(source)
        try:
            answer = await self._get(source)
        except DiscoveryFailed as error:
            raise FetchFailed(error.reason) from error
        if answer.status != 200:
            raise FetchFailed(f"the server answered {answer.status} for {source}")
        return FetchedKeys(body=answer.body, max_age=_max_age(answer.header(b"cache-control")))

    def _candidates(self) -> tuple[str, ...]:
        issuer_path = urlsplit(self._issuer).path.rstrip("/") if self._issuer else ""
        issuer_path = issuer_path.removeprefix(self._root_path)
        paths = self._discovery_paths or self._dialect.documents.discovery
        return tuple(dict.fromkeys(path.replace("{issuer}", issuer_path) for path in paths))

    def request(self, path: str) -> Scope:
        """The scope of a GET of hookpoint's own for a path of the server."""
        return document_request(self._base.netloc, self._base.scheme, path, self._root_path)

    async def _get(self, path: str) -> Answer:
        try:
            return await call(self._app, self.request(path), b"", max_body=MAX_DOCUMENT, timeout=DOCUMENT_TIMEOUT)
        except CallFailed as error:
            raise DiscoveryFailed(f"{path}: {error.reason}") from error
        except Exception as error:  # a mounted application's own
            raise DiscoveryFailed(f"{path}: the application raised {type(error).__name__}") from error

    def _parse(self, path: str, answer: Answer) -> JsonObject:
        try:
            return JsonObject.parse(answer.body)
        except JsonError as error:
            raise DiscoveryFailed(f"{path} is not strict JSON: {error}") from error

    def _interpret(self, document: JsonObject | None) -> ServerMetadata:
        members = document.members if document else {}
        issuer = _text(members, "issuer")
        if document is not None and issuer is None:
            raise DiscoveryFailed("the metadata names no issuer (RFC 8414 section 2)")
        if self._issuer and issuer and issuer != self._issuer:
            raise DiscoveryFailed(f"the metadata names the issuer {issuer!r}, the configuration {self._issuer!r}")
        published, source = self._keys_of(_text(members, "jwks_uri"), issuer)
        return ServerMetadata(
            issuer=issuer or self._issuer,
            token_paths=self._token_paths_of(_text(members, "token_endpoint"), issuer),
            jwks_path=published,
            jwks_source=source,
            discovery_paths=self._candidates() if document else (),
            endpoints=self._endpoints_of(members, issuer),
            document=members if document else None,
        )

    def _token_paths_of(self, endpoint: str | None, issuer: str | None) -> tuple[str, ...]:
        discovered = self.path_of(endpoint, issuer)
        if endpoint and discovered is None:
            log.warning(
                "token_endpoint_elsewhere", token_endpoint=endpoint, remedy="clients walk around the hooks there"
            )
        paths = (*self._token_paths, *((discovered,) if discovered else ()), *self._dialect.token.paths)
        return tuple(dict.fromkeys(paths))

    def _endpoints_of(self, members: Mapping[str, object], issuer: str | None) -> dict[str, tuple[str, ...]]:
        aliases = members.get("mtls_endpoint_aliases")  # RFC 8705 section 5
        said = (members, aliases if isinstance(aliases, Mapping) else {})
        found: dict[str, tuple[str, ...]] = {}
        for name, member in ENDPOINT_MEMBERS.items():
            discovered = (self.path_of(_text(each, member), issuer) for each in said)
            dialect: tuple[str, ...] = getattr(self._dialect.endpoints, name)
            paths = (*self._endpoint_paths.get(name, ()), *(path for path in discovered if path), *dialect)
            if paths:
                found[name] = tuple(dict.fromkeys(paths))
        return found

    def _keys_of(self, jwks_uri: str | None, issuer: str | None) -> tuple[str, str | None]:
        chosen = self._jwks_uri or jwks_uri
        path = self.path_of(chosen, issuer)
        named = self.path_of(jwks_uri, issuer)
        published = next(iter(self._jwks_paths), None) or named or self._dialect.documents.jwks
        if chosen is None or path is not None:
            return published, path or (published if not jwks_uri else None)
        if self._jwks_uri is None:
            log.error("jwks_uri_elsewhere", jwks_uri=chosen, remedy="allow it with upstream.jwks_uri")
            return published, None
        return published, chosen

    def path_of(self, url: str | None, issuer: str | None) -> str | None:
        """The path of a URL on this server, below the mount root; None for a URL elsewhere."""
        if not url:
            return None
        parts = urlsplit(url)
        origins = self._origins | ({_origin(issuer)} if issuer else set())
        if _origin(url) not in origins or parts.query or not parts.path.startswith(self._root_path or "/"):
            return None
        return parts.path.removeprefix(self._root_path)

    async def _fetch(self, url: str) -> FetchedKeys:
        try:
            async with (
                httpx2.AsyncClient(timeout=DOCUMENT_TIMEOUT, trust_env=False, follow_redirects=False) as client,
                client.stream("GET", url, headers={"accept": "application/json"}) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_DOCUMENT:
                        raise FetchFailed(f"{url} is larger than {MAX_DOCUMENT} bytes")
        except httpx2.HTTPError as error:
            raise FetchFailed(f"{url}: {type(error).__name__}") from error
        if response.status_code != 200:
            raise FetchFailed(f"{url} answered {response.status_code}")
        return FetchedKeys(body=bytes(body), max_age=_max_age(response.headers.get("cache-control", "").encode()))


def _text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _max_age(cache_control: bytes | None) -> int | None:
    match = _MAX_AGE.search(cache_control or b"")
    return int(match[1]) if match else None
