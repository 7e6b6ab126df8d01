"""Access tokens that only the server can read: what it says of them, and JWTs in their place."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus, urlencode

import structlog
from starlette.types import ASGIApp, Scope

from hookpoint.hooks import TokenChanges
from hookpoint.hooks.strict_json import JsonError, JsonObject, write_json
from hookpoint.proxy.flows.issuer import end_members
from hookpoint.proxy.flows.token_answer import TokenAnswerInvalid, texts
from hookpoint.proxy.flows.token_request import CLIENT_CREDENTIALS, TokenRequest
from hookpoint.proxy.tokens.verification import VerifiedToken
from hookpoint.proxy.vault.kinds import OPAQUE
from hookpoint.proxy.vault.vault import Vault
from hookpoint.proxy.wrapped import CallFailed, call, form_request

# RFC 6749 section 5.1 leaves a missing expires_in to other documentation; a JWT needs an end.
_DEFAULT_LIFE: Final = 3600.0
_MAX_ANSWER: Final = 256 * 1024
# RFC 7662 section 2.2: what an answer says of itself, or that has another place here.
_NOT_CLAIMS: Final = frozenset(["active", "token_type", "username"])

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionClient:
    """With what hookpoint asks the server about tokens (RFC 7662 section 2.1)."""

    client_id: str
    client_secret: str = field(repr=False)

    @property
    def authorization(self) -> bytes:
        """The credentials for HTTP Basic, encoded as RFC 6749 section 2.3.1 says."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return b"Basic " + base64.b64encode(pair.encode())


class OpaqueTokens:
    """Reads opaque tokens by asking the server, and keeps what hooks made of them for those who ask later.

    `path` is the introspection endpoint, None for a server without one; `client` None when nobody may ask. `issuer` is what the JWTs
    name that take an opaque token's place, `algorithm` what they are signed with.
    """

    def __init__(
        self,
        app: ASGIApp,
        vault: Vault | None,
        *,
        path: str | None,
        client: IntrospectionClient | None,
        issuer: str,
        algorithm: str,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._vault = vault
        self._path = path
        self._client = client
        self._issuer = issuer
        self._algorithm = algorithm
        self._timeout = timeout
        self._clock = clock

    @property
    def deliverable(self) -> bool:
        """Whether what hooks change reaches those who ask the server about the token."""
        return self._path is not None and self._vault is not None

    async def claims(self, scope: Scope, token: str) -> Mapping[str, object]:
        """What the server says of a token, empty when it cannot be asked or does not answer."""
        if self._path is None or self._client is None:
            return {}
        form = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
        try:
            request = form_request(scope, self._path, form, [(b"authorization", self._client.authorization)])
            answer = await call(self._app, request, form, max_body=_MAX_ANSWER, timeout=self._timeout)
            members = JsonObject.parse(answer.body).members if answer.status == 200 else {}
        except (CallFailed, JsonError) as error:
            log.warning("introspection_failed", reason=str(error))
            return {}
        if members.get("active") is not True:
            log.warning("introspection_failed", reason=f"the server answered {answer.status}, active is not true")
            return {}
        return {name: value for name, value in members.items() if name not in _NOT_CLAIMS}

    async def remember(self, token: str, envelope: JsonObject, changes: TokenChanges) -> Mapping[str, object]:
        """Keep what hooks changed for introspection and user info; returns the members of the answer that change."""
        assert self._vault is not None
        now = self._clock()
        expires_in = _seconds(envelope)
        if changes.expires_in is not None:
            expires_in = min(expires_in, changes.expires_in)
        kept = {
            "claims": dict(changes.claims),
            "remove": sorted(changes.remove_claims),
            "scope": None if changes.scope is None else sorted(changes.scope),
            "exp": int(now + expires_in) if changes.expires_in is not None else None,
        }
        await self._vault.put(OPAQUE, token, write_json(kept), expires_at=now + _seconds(envelope))
        members: dict[str, object] = {}
        if changes.scope is not None:
            members["scope"] = " ".join(sorted(changes.scope))
        if changes.expires_in is not None:
            members |= end_members(envelope, now + expires_in, now)
        return members

    def as_jwt(
        self, asked: TokenRequest, envelope: JsonObject, facts: Mapping[str, object], subject: object
    ) -> VerifiedToken:
        """The claims of a JWT that takes an opaque token's place (RFC 9068 section 2.2), ready to be changed and signed.

        `subject` is that of the ID token, for servers that do not say whom the access token is for. Raises TokenAnswerInvalid when
        nobody says so.
        """
        subject = facts.get("sub") or subject or (asked.client_id if asked.grant_type == CLIENT_CREDENTIALS else None)
        if not subject:
            # The client is the subject where there is no user, and only there.
            raise TokenAnswerInvalid("no JWT can take the opaque token's place: the server does not say whom it is for")
        now = int(self._clock())
        expires = facts.get("exp")
        end = now + int(_seconds(envelope))
        claims = {
            **{name: value for name, value in facts.items() if name not in ("iss", "iat", "exp", "jti", "nbf")},
            "iss": self._issuer,
            "sub": subject,
            "aud": facts.get("aud") or _one_or_all(asked.audiences) or self._issuer,
            "client_id": facts.get("client_id") or asked.client_id,
            "iat": now,
            "exp": min(end, int(expires)) if isinstance(expires, (int, float)) else end,
            "jti": uuid.uuid4().hex,
        }
        scope = facts.get("scope") or envelope.members.get("scope") or " ".join(sorted(asked.scope))
        if scope:
            claims["scope"] = " ".join(texts(scope))
        return VerifiedToken(
            header={"typ": "at+jwt"},
            payload=JsonObject.parse(write_json(claims)),
            algorithm=self._algorithm,
            kid=None,
            typ="at+jwt",
        )


def _seconds(envelope: JsonObject) -> float:
    expires_in = envelope.members.get("expires_in")
    return float(expires_in) if isinstance(expires_in, (int, float)) and expires_in > 0 else _DEFAULT_LIFE


def _one_or_all(audiences: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return audiences[0] if len(audiences) == 1 else audiences or None
