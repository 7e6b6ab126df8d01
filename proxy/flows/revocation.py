"""Token revocation (RFC 7009): the server revokes the original, and hookpoint remembers that the re-issued token is dead."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.types import Scope

from hookpoint.proxy.client_authentication import client_authentication
from hookpoint.proxy.flows.form_endpoint import FormRequest, Reply, Upstream
from hookpoint.proxy.tokens.own_tokens import OwnToken, OwnTokens, itself

log = structlog.get_logger(__name__)


class Revocation:
    """Revokes re-issued tokens; requests about other tokens pass as they came.

    `stands_in` is what the server is told to revoke in place of a token whose original is not known.
    """

    def __init__(self, upstream: Upstream, tokens: OwnTokens, *, stands_in: Callable[[str], str] = itself) -> None:
        self._upstream = upstream
        self._tokens = tokens
        self._stands_in = stands_in

    async def __call__(self, scope: Scope, form: FormRequest) -> Reply | None:
        """Serve one request; raises BodyRefused, CallFailed and StoreUnavailable.

        Success is answered once the denial is safe: a client that was told so must not find the token alive anywhere.
        """
        token = form.text("token")
        if token is None:
            return None
        found = await self._tokens.find(token)
        if not found.is_ours:
            return None
        body = form.replaced({"token": found.original or self._stands_in(token)})
        answer = await self._upstream.call(scope, body)
        if not 200 <= answer.status < 300:
            return Reply(answer=answer, outcome="passed")
        if found.state not in ("good", "unmapped"):
            return Reply(answer=answer, outcome="unchanged")  # dead already (RFC 7009 section 2.2)
        return Reply(answer=answer, outcome=await self._deny(scope, form, found))

    async def _deny(self, scope: Scope, form: FormRequest, found: OwnToken) -> str:
        client_id = client_authentication(scope["headers"], form.members).client_id
        owners = {owner for name in ("client_id", "azp") if isinstance(owner := found.claims.get(name), str)}
        if client_id is not None and owners and client_id not in owners:
            # Servers may say yes to whoever asks and do nothing (RFC 7009 section 2.1 lets clients revoke their own tokens only).
            log.warning("revocation_by_another_client", client_id=client_id)
            return "not_denied"
        jti, expires_at = found.claims.get("jti"), found.claims.get("exp")
        if isinstance(jti, str) and isinstance(expires_at, (int, float)):
            await self._tokens.vault.deny(jti, expires_at=expires_at + 1)
        log.info("token_revoked", client_id=client_id)
        return "revoked"
