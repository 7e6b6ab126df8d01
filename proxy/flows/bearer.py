"""Re-issued tokens that come as credentials of any request: the server gets the original in their place."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

import structlog
from starlette.types import Scope

from hookpoint.proxy.answers import Answer, error_answer
from hookpoint.proxy.flows.form_endpoint import FAILURES, failure
from hookpoint.proxy.tokens.own_tokens import OwnTokens

# RFC 9110 section 11.4 with exactly one space, RFC 6750 section 2.1.
_CREDENTIALS: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([A-Za-z0-9._~+/-]+=*)")
# The first part of a JWS wherever one may begin; more generous than any parser.
_headers = re.compile(rb"(?<![A-Za-z0-9_+/.-])(eyJ[A-Za-z0-9_+/-]+)\.").finditer
# What nearly all credentials look like that hold a JWS, judged by one look-up.
_bearer = re.compile(rb"(?i:bearer) (eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*").fullmatch
_QUERY: Final = b"access_token="

log = structlog.get_logger(__name__)


class BearerTokens:
    """Looks at the credentials of requests before anything else is done with these."""

    def __init__(self, tokens: OwnTokens) -> None:
        self._tokens = tokens

    def concerns(self, scope: Scope) -> bool:
        """Whether a request may carry a token of ours; in most cases it is known in a microsecond that it does not."""
        for name, value in scope["headers"]:
            if name == b"authorization" and b"eyJ" in value and not self._is_foreign(value):
                return True
        query: bytes = scope["query_string"]
        return bool(query) and _QUERY in query and not self._is_foreign(unquote_to_bytes(query))

    async def admit(self, scope: Scope) -> Scope | Answer:
        """The request as the server shall get it, or the answer to one that must not reach the server."""
        try:
            return await self._admit(scope)
        except FAILURES as error:
            return failure(error).answer

    async def _admit(self, scope: Scope) -> Scope | Answer:
        fields = [value for name, value in scope["headers"] if name == b"authorization"]
        query: bytes = scope["query_string"]
        if _QUERY in query and await self._names_ours(unquote_to_bytes(query)):
            log.info("own_token_refused", reason="it stands in the query")
            # RFC 9700 section 4.3.2: tokens in URLs end up in logs and histories.
            return error_answer(400, "invalid_request", "Access tokens belong into the Authorization header.")
        if not await self._names_ours(b" ".join(fields)):
            return scope
        credentials = _CREDENTIALS.fullmatch(fields[0])
        if len(fields) > 1 or credentials is None or credentials[1].lower() not in (b"bearer", b"dpop"):
            log.info("own_token_refused", reason="the Authorization header is not Bearer, one space and the token")
            return error_answer(400, "invalid_request", "Write: Authorization: Bearer, one space, the access token.")
        if credentials[1].lower() == b"dpop":
            # RFC 9449 section 4.2: the proof names the token that the client holds, which is not the one the server knows.
            log.warning(
                "own_token_refused", reason="it comes with a DPoP proof, which cannot fit the server's own token"
            )
            return unauthorized(b"DPoP", "A re-issued DPoP token is good at resource servers, not at this server.")
        return await self._swapped(scope, credentials[2])

    async def _swapped(self, scope: Scope, token: bytes) -> Scope | Answer:
        found = await self._tokens.find(token.decode("ascii"))
        if found.good_original is None:
            log.info("own_token_refused", reason=found.state)
            return unauthorized(b"Bearer")
        return {**scope, "headers": [_with_token(field, token, found.good_original) for field in scope["headers"]]}

    async def _names_ours(self, text: bytes) -> bool:
        for match in _headers(text):
            if await self._tokens.recognises(match[1].decode("ascii")):
                return True
        return False

    def _is_foreign(self, text: bytes) -> bool:
        if match := _bearer(text):
            return self._tokens.surely_foreign(match[1].decode("ascii"))
        return all(self._tokens.surely_foreign(match[1].decode("ascii")) for match in _headers(text))


def _with_token(field: tuple[bytes, bytes], token: bytes, original: str) -> tuple[bytes, bytes]:
    name, value = field
    return (name, value[: -len(token)] + original.encode("latin-1")) if name == b"authorization" else field


def unauthorized(scheme: bytes, description: str = "The access token is expired, revoked or not known.") -> Answer:
    """The answer to a token that is not good (RFC 6750 section 3.1, RFC 9449 section 7.1)."""
    challenge = scheme + b' error="invalid_token", error_description="' + description.encode("ascii") + b'"'
    return error_answer(401, "invalid_token", description, headers=[(b"www-authenticate", challenge)])
