"""Refreshes that rotate: one at a time for each refresh token, and none lost because a hook failed after the server had said yes."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable

from hookpoint.hooks.strict_json import JsonObject, write_json
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.flows.token_request import TokenRequest
from hookpoint.proxy.vault.kinds import ADDED_SCOPE, LOST_ANSWER
from hookpoint.proxy.vault.locks import Locks
from hookpoint.proxy.vault.vault import Vault

# How long a client may take to try again what a failing hook has cost it.
RETRY_SECONDS = 60.0
# Nobody says how long a refresh token lives; what hooks added to its scope is forgotten after this time.
_REMEMBERED_SECONDS = 400 * 86400.0


class Refreshes:
    """What refreshes need besides the tokens themselves. `timeout` is how long one waits for another with the same token, in seconds."""

    def __init__(self, vault: Vault, locks: Locks, *, timeout: float, clock: Callable[[], float] = time.time) -> None:
        self._vault = vault
        self._locks = locks
        self._timeout = timeout
        self._clock = clock

    @contextlib.asynccontextmanager
    async def turn(self, asked: TokenRequest) -> AsyncIterator[None]:
        """Hold the turn of this refresh token while the block runs; other grants need none. Raises LockTimeout."""
        if asked.refresh_token is None:
            yield
            return
        async with self._locks.hold(f"refresh {asked.refresh_token}", timeout=self._timeout):
            yield

    async def lost_answer(self, asked: TokenRequest) -> Answer | None:
        """The server's answer to the same refresh, when a hook failed over it a moment ago; it is given out once."""
        secret = _retry_secret(asked)
        kept = None if secret is None else await self._vault.get(LOST_ANSWER, secret)
        if secret is None or kept is None:
            return None
        await self._vault.remove(LOST_ANSWER, secret)
        members = json.loads(kept)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in members["headers"]]
        return Answer(status=members["status"], headers=headers, body=base64.b64decode(members["body"]))

    async def keep_answer(self, asked: TokenRequest, answer: Answer, envelope: JsonObject) -> None:
        """Keep the answer for the client's next try, if the refresh token that it has is no longer good."""
        secret = _retry_secret(asked)
        if secret is None or envelope.members.get("refresh_token") in (None, asked.refresh_token):
            return
        kept = {
            "status": answer.status,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in answer.headers],
            "body": base64.b64encode(answer.body).decode(),
        }
        await self._vault.put(LOST_ANSWER, secret, write_json(kept), expires_at=self._clock() + RETRY_SECONDS)

    async def added_scope(self, asked: TokenRequest) -> frozenset[str]:
        """The scopes that hooks had added when the refresh token of this request was issued."""
        if asked.refresh_token is None:
            return frozenset()
        kept = await self._vault.get(ADDED_SCOPE, asked.refresh_token)
        return frozenset(json.loads(kept)) if kept else frozenset()

    async def remember_scope(self, asked: TokenRequest, envelope: JsonObject, added: frozenset[str]) -> None:
        """Remember what hooks added, under the refresh token that the client has from now on."""
        refresh_token = envelope.members.get("refresh_token") or asked.refresh_token
        if added and isinstance(refresh_token, str):
            value = write_json(sorted(added))
            await self._vault.put(ADDED_SCOPE, refresh_token, value, expires_at=self._clock() + _REMEMBERED_SECONDS)


def _retry_secret(asked: TokenRequest) -> str | None:
    """What leads to a kept answer: the refresh token and what authenticates the client.

    The server is not asked again, so whoever comes without the client's own credentials must not find it. Credentials that are
    good only once, and DPoP proofs, cannot be checked here.
    """
    if asked.refresh_token is None or asked.credentials is None or asked.has_proof:
        return None
    authorization = (asked.authorization or b"").decode("latin-1")
    return write_json([asked.refresh_token, authorization, dict(asked.credentials)]).decode()
