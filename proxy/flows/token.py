"""The token endpoint: the server issues, hooks change, hookpoint signs again.

    request ─► read ─► early hooks ─► server ─► verify ─► hooks ─► sign ─► answer

What the server refuses passes as it is, and so does everything that no hook is for.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.hooks import (
    Chain,
    CredentialsExchange,
    Deny,
    HookFailed,
    InvalidResult,
    Outcome,
    Request,
    TokenChanges,
    TokenIssuance,
)
from hookpoint.hooks.strict_json import JsonObject
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.dialects import Dialect
from hookpoint.proxy.flows.id_token import IdToken, read_id_token
from hookpoint.proxy.flows.intercepted import ClientLeft, Directory, replay
from hookpoint.proxy.flows.issuer import Issuer
from hookpoint.proxy.flows.opaque import OpaqueTokens
from hookpoint.proxy.flows.refreshes import Refreshes
from hookpoint.proxy.flows.token_answer import (
    TokenAnswerInvalid,
    holds_access_token,
    read_token_answer,
    rewritten,
)
from hookpoint.proxy.flows.token_events import client_id_of, early_event, late_event, point_of
from hookpoint.proxy.flows.token_failures import FAILURES, ending_of, refusal_answer
from hookpoint.proxy.flows.token_request import TokenRequest, TokenRequestLimits, read_token_request
from hookpoint.proxy.flows.undo import Undo
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.tokens.compact import TokenKind, classify
from hookpoint.proxy.tokens.errors import KeysUnavailable, SigningKeyError, TokenTooLarge
from hookpoint.proxy.tokens.verification import TokenVerifier, VerifiedToken
from hookpoint.proxy.wrapped import call, with_identity_coding

MAX_ANSWER: Final = 1024 * 1024

# The answer, and what became of the request, for metrics.
Ending = tuple[Answer, str]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What the server answered. `verified` is None for a token that only its audience can read."""

    answer: Answer
    envelope: JsonObject = field(repr=False)
    token: str = field(repr=False)
    kind: TokenKind
    verified: VerifiedToken | None = field(repr=False)
    id_token: IdToken | None = field(repr=False)
    facts: Mapping[str, object] = field(repr=False)

    @property
    def claims(self) -> Mapping[str, object]:
        """The claims of the access token, as it says itself or the server says of it."""
        return self.verified.payload.members if self.verified else self.facts


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """What is done with tokens apart from hooks.

    `reissue_always` signs every token again, also where no hook changes it, because resource servers know no other keys.
    `mint` puts a JWT in the place of an opaque token. `timeout` is that of the server's answer, in seconds.
    """

    reissue_always: bool = False
    mint: bool = False
    timeout: float = 60.0
    request: TokenRequestLimits = field(default_factory=TokenRequestLimits)


class TokenFlow:
    """Serves the token endpoint."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        chain: Chain,
        verifier: TokenVerifier,
        issuer: Issuer,
        opaque: OpaqueTokens,
        refreshes: Refreshes | None,
        undo: Undo,
        dialect: Dialect,
        directory: Directory,
        describe: Callable[[Scope], Request],
        policy: TokenPolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._chain = chain
        self._verifier = verifier
        self._issuer = issuer
        self._opaque = opaque
        self._refreshes = refreshes
        self._undo = undo
        self._dialect = dialect
        self._directory = directory
        self._describe = describe
        self._policy = policy
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Answer one request; returns what became of it, for metrics."""
        if scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return "passed"
        request = self._describe(scope)
        with structlog.contextvars.bound_contextvars(request_id=request.id):
            try:
                json_allowed = "json" in self._dialect.token.bodies
                asked = await read_token_request(
                    scope, receive, request, json_allowed=json_allowed, limits=self._policy.request
                )
            except ClientLeft:
                return "left"
            except BodyRefused as refusal:
                log.info("token_request_refused", error=refusal.error, reason=refusal.description)
                await refusal_answer(refusal, request).send(send)
                return "refused"
            policy = self._policy
            if not (self._chain.has_hooks(point_of(asked)) or policy.reissue_always or policy.mint):
                await self._app(scope, replay(asked.body, receive), send)
                return "passed"
            answer, outcome = await self._answer(scope, asked)
            await answer.send(send)
            return outcome

    async def _answer(self, scope: Scope, asked: TokenRequest) -> Ending:
        """The recipe, with every way in which it can end."""
        try:
            await self._chain.run(point_of(asked), early_event(asked, self._directory), early=True)
            async with self._turn(asked):
                return await self._exchange(scope, asked)
        except (Deny, *FAILURES) as failure:
            return ending_of(failure, asked, self._dialect)

    def _turn(self, asked: TokenRequest) -> contextlib.AbstractAsyncContextManager[None]:
        return self._refreshes.turn(asked) if self._refreshes else contextlib.nullcontext()

    async def _exchange(self, scope: Scope, asked: TokenRequest) -> Ending:
        kept = await self._refreshes.lost_answer(asked) if self._refreshes else None
        answer = kept or await self._forward(scope, asked)
        if answer.status >= 400:
            return answer, "passed"
        envelope = read_token_answer(answer)
        if not holds_access_token(envelope):
            return answer, "unchanged"
        try:
            granted = await self._inspect(scope, asked, answer, envelope)
            event = late_event(
                asked,
                self._directory,
                claims=granted.claims,
                envelope=envelope.members,
                id_token_claims=granted.id_token.claims if granted.id_token else {},
                granted_before=await self._refreshes.added_scope(asked) if self._refreshes else frozenset(),
            )
            outcome = await self._chain.run(point_of(asked), event)
            return await self._apply(scope, asked, granted, event, outcome)
        except Deny:
            await self._undo.revoke(scope, asked, envelope, "refresh_token", "access_token")
            raise
        except (HookFailed, StoreError, TokenTooLarge, SigningKeyError, KeysUnavailable, TokenAnswerInvalid):
            if self._refreshes:
                await self._refreshes.keep_answer(asked, answer, envelope)
            raise

    async def _forward(self, scope: Scope, asked: TokenRequest) -> Answer:
        inner = {**scope, "headers": with_identity_coding(scope["headers"])}
        return await call(self._app, inner, asked.body, max_body=MAX_ANSWER, timeout=self._policy.timeout)

    async def _inspect(self, scope: Scope, asked: TokenRequest, answer: Answer, envelope: JsonObject) -> Granted:
        token = str(envelope.members["access_token"])
        kind = classify(token)
        verified = await self._verifier.verify(token, asked.client_id or None) if kind == "jws" else None
        facts = await self._opaque.claims(scope, token) if kind == "opaque" else {}
        client_id = client_id_of(verified.payload.members if verified else facts) or asked.client_id
        said = envelope.members.get("id_token")
        id_token = await read_id_token(said, client_id, self._verifier) if isinstance(said, str) else None
        if kind == "opaque" and self._policy.mint:
            verified = self._opaque.as_jwt(asked, envelope, facts, id_token.claims.get("sub") if id_token else None)
        return Granted(
            answer=answer,
            envelope=envelope,
            token=token,
            kind=kind,
            verified=verified,
            id_token=id_token,
            facts=facts,
        )

    async def _apply(
        self,
        scope: Scope,
        asked: TokenRequest,
        granted: Granted,
        event: CredentialsExchange,
        outcome: Outcome[Any, TokenChanges],
    ) -> Ending:
        changes, always = outcome.changes or TokenChanges(), self._policy.reissue_always
        replaced = granted.verified is not None
        minted = replaced and granted.kind == "opaque"
        if changes == TokenChanges() and not always and not minted:
            return granted.answer, "unchanged"
        lost = event.scope - outcome.event.scope
        id_token = None if "openid" in lost else granted.id_token
        added = bool(changes.id_token_claims)
        changed_id = id_token is not None and id_token.must_change(added=added, replaced=replaced, always=always)
        changeable = id_token.changeable() if id_token and changed_id else None  # before anything is signed or kept
        members = await self._access_token_members(granted, event, outcome, changes)
        if id_token and changeable:
            members["id_token"] = await self._issuer.id_token(
                id_token.value, changeable, changes.id_token_claims, str(members.get("access_token", granted.token))
            )
            if not replaced:
                _log_changes("id_token_reissued", outcome, changes)
        remove = await self._withdrawn(scope, asked, granted, lost)
        if self._refreshes and isinstance(event, TokenIssuance):
            more = (outcome.event.scope - event.scope) | (event.granted_before & outcome.event.scope)
            await self._refreshes.remember_scope(asked, granted.envelope, more)
        if not members and not remove:
            return granted.answer, "unchanged"
        signed = replaced or changeable is not None
        return rewritten(granted.answer, granted.envelope, members, remove), "reissued" if signed else "unchanged"

    async def _access_token_members(
        self,
        granted: Granted,
        event: CredentialsExchange,
        outcome: Outcome[Any, TokenChanges],
        changes: TokenChanges,
    ) -> dict[str, object]:
        """The members of the answer that change with the access token.

        A token that cannot be read here leaves as it is; who asks the server about it is told what hooks made of it.
        """
        if granted.verified is not None:
            token = await self._issuer.access_token(granted.token, granted.verified, changes)
            _log_changes("token_reissued", outcome, changes)
            return token.members(granted.envelope, self._clock())
        if changes == TokenChanges(id_token_claims=changes.id_token_claims):
            return {}
        if granted.kind == "opaque" and self._opaque.deliverable:
            members = await self._opaque.remember(granted.token, granted.envelope, changes)
            _log_changes("token_changes_kept", outcome, changes)
            return dict(members)
        _check_passable(event, outcome, changes)
        return {}

    async def _withdrawn(
        self, scope: Scope, asked: TokenRequest, granted: Granted, lost: frozenset[str]
    ) -> tuple[str, ...]:
        """The members that go with scopes which hooks took away (OpenID Connect Core sections 3.1.2.1 and 11)."""
        remove = []
        if "openid" in lost and "id_token" in granted.envelope.members:
            remove.append("id_token")
        if "offline_access" in lost and "refresh_token" in granted.envelope.members:
            remove.append("refresh_token")
            await self._undo.revoke(scope, asked, granted.envelope, "refresh_token")
        return tuple(remove)


def _log_changes(event: str, outcome: Outcome[Any, TokenChanges], changes: TokenChanges) -> None:
    log.info(
        event,
        client_id=outcome.event.client.id,
        hooks=[run.hook.name for run in outcome.runs],
        claims_set=sorted(changes.claims),
        claims_removed=sorted(changes.remove_claims),
        id_token_claims_set=sorted(changes.id_token_claims),
        scope=" ".join(sorted(outcome.event.scope)),
    )


def _check_passable(event: CredentialsExchange, outcome: Outcome[Any, TokenChanges], changes: TokenChanges) -> None:
    """Let a token pass whose changes reach nobody, unless a hook wants it to grant less than it does."""
    hooks = [run.hook.name for run in outcome.runs if run.outcome == "changed"]
    if changes.remove_claims or changes.expires_in is not None or event.scope - outcome.event.scope:
        log.error("token_not_restrictable", client_id=event.client.id, hooks=hooks)
        raise InvalidResult(", ".join(hooks), "restricts an access token that is opaque or encrypted")
    log.warning(
        "token_passes_unchanged",
        client_id=event.client.id,
        hooks=hooks,
        claims_left_out=sorted(changes.claims),
        reason="the access token is opaque or encrypted",
    )
