"""The documents of the server that must tell of hookpoint: its key set and its metadata."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import Answer, error_answer, json_answer
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.tokens.errors import KeysUnavailable, SigningKeyError
from hookpoint.proxy.wrapped import CallFailed, call, with_identity_coding

DocumentOutcome = Literal["passed", "published", "changed", "upstream_failed"]

# RFC 8414 section 2, OpenID Connect Discovery section 3, RP-Initiated Logout 2.1, RFC 8628 4, RFC 9126 5, CIBA 4, Session 3.3.
ENDPOINTS: Final = frozenset(
    [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "registration_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "end_session_endpoint",
        "device_authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "backchannel_authentication_endpoint",
        "check_session_iframe",
        "mfa_challenge_endpoint",
    ]
)

log = structlog.get_logger(__name__)


class JwksFlow:
    """Publishes the keys. `max_age` is how long verifiers may keep them, in seconds."""

    def __init__(self, app: ASGIApp, publish: Callable[[], Awaitable[bytes]], *, max_age: int = 300) -> None:
        self._app = app
        self._publish = publish
        self._cache_control = f"public, max-age={max_age}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> DocumentOutcome:
        """Answer GET and HEAD; other methods are the server's."""
        if scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return "passed"
        try:
            body = await self._publish()
        except (KeysUnavailable, StoreError, SigningKeyError) as error:
            log.error("keys_not_published", code=error.code, reason=str(error))
            unavailable = error_answer(503, "temporarily_unavailable", "The keys cannot be read at the moment.")
            await unavailable.send(send, body=scope["method"] == "GET")
            return "upstream_failed"
        # Browsers' clients read it from other origins, as they do the servers' own.
        headers = ((b"cache-control", self._cache_control), (b"access-control-allow-origin", b"*"))
        await json_answer(200, body, headers).send(send, body=scope["method"] == "GET")
        return "published"


class MetadataFlow:
    """Corrects metadata on its way out: RFC 8414, OpenID Connect Discovery, RFC 9728.

    `jwks_uri` replaces the server's own when that lies elsewhere. With `issuer`, the server's is replaced by it as well, and
    endpoints below `origins` move to `public_origin`. `signed_metadata` says the old values under a signature, and is left out.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        public_origin: str,
        origins: frozenset[str],
        upstream_issuer: str,
        issuer: str | None = None,
        jwks_uri: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._app = app
        self._public_origin = public_origin
        self._origins = origins
        self._upstream_issuer = upstream_issuer
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> DocumentOutcome:
        """Answer GET with the corrected document; what is no document passes as it is."""
        if scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return "passed"
        inner = {**scope, "method": "GET", "headers": with_identity_coding(_unconditional(scope["headers"]))}
        try:
            answer = await call(self._app, inner, b"", max_body=1024 * 1024, timeout=self._timeout)
            corrected = self._corrected(answer)
        except (CallFailed, JsonError) as error:
            log.error("upstream_metadata_failed", path=scope["path"], reason=str(error))
            corrected, answer = None, error_answer(502, "server_error", "The server's metadata cannot be used.")
        await (corrected or answer).send(send, body=scope["method"] == "GET")
        return "changed" if corrected else "passed" if answer.status < 500 else "upstream_failed"

    def _corrected(self, answer: Answer) -> Answer | None:
        if answer.status != 200:
            return None
        document = JsonObject.parse(answer.body)
        members = self.corrections(document.members)
        removed = ("signed_metadata",) if members and "signed_metadata" in document.members else ()
        if removed:
            log.warning("signed_metadata_left_out")
        body = document.edited(members, removed)
        kept = [
            each for each in answer.headers if each[0] in (b"access-control-allow-origin", b"cache-control", b"vary")
        ]
        return json_answer(200, body, kept)

    def corrections(self, members: Mapping[str, object]) -> dict[str, object]:
        """The members of a document that must change, with their new values."""
        changed: dict[str, object] = {}
        if self._issuer is not None:
            changed = self._moved(members)
            aliases = members.get("mtls_endpoint_aliases")  # RFC 8705 section 5
            if isinstance(aliases, Mapping) and (moved := self._moved(aliases)):
                changed["mtls_endpoint_aliases"] = {**aliases, **moved}
            if members.get("issuer") == self._upstream_issuer:
                changed["issuer"] = self._issuer
            changed |= self._moved_resource(members)
        if self._jwks_uri is not None and "jwks_uri" in members:
            changed["jwks_uri"] = self._jwks_uri
        return {name: value for name, value in changed.items() if members.get(name) != value}

    def _moved(self, members: Mapping[str, object]) -> dict[str, object]:
        return {name: self._public(url) for name, url in members.items() if name in ENDPOINTS and isinstance(url, str)}

    def _moved_resource(self, members: Mapping[str, object]) -> dict[str, object]:
        """Protected resource metadata (RFC 9728 section 2) that names this server."""
        servers = members.get("authorization_servers")
        if not isinstance(servers, list):
            return {}
        renamed = [self._issuer if each == self._upstream_issuer else each for each in servers]
        resource = members.get("resource")
        moved = {"resource": self._public(resource)} if isinstance(resource, str) else {}
        return {"authorization_servers": renamed, **moved}

    def _public(self, url: str) -> str:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return self._public_origin + url[len(origin) :] if origin.lower() in self._origins else url


def _unconditional(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    # A 304 would say that the server's document is unchanged, not ours.
    return [each for each in headers if not each[0].startswith(b"if-") and each[0] != b"range"]
