"""Token introspection (RFC 7662): the server says whether a token lives, the re-issued token what it holds."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from starlette.types import Scope

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.flows.differences import Difference, difference, recorded_difference
from hookpoint.proxy.flows.form_endpoint import AnswerUnusable, FormRequest, Reply, Upstream
from hookpoint.proxy.flows.token_answer import rewritten
from hookpoint.proxy.tokens.own_tokens import OwnToken, OwnTokens, itself

_INACTIVE = JsonObject.parse(b'{"active":false}')

log = structlog.get_logger(__name__)


class Introspection:
    """Answers questions about re-issued tokens, and about opaque ones that hooks had a say in; all others pass as they came.

    `stands_in` is what the server is asked about in place of a token whose original is not known. `clock` is in seconds since 1970.
    """

    def __init__(
        self,
        upstream: Upstream,
        tokens: OwnTokens,
        *,
        stands_in: Callable[[str], str] = itself,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._upstream = upstream
        self._tokens = tokens
        self._stands_in = stands_in
        self._clock = clock

    async def __call__(self, scope: Scope, form: FormRequest) -> Reply | None:
        """Answer one question; raises BodyRefused, AnswerUnusable, CallFailed and StoreUnavailable."""
        token = form.text("token")
        if token is None:
            return None
        found = await self._tokens.find(token)
        if found.is_ours:
            return await self._about_own(scope, form, found, token)
        recorded = await recorded_difference(self._tokens.vault, token)
        if recorded is None:
            return None
        answer = await self._upstream.call(_asking_for_json(scope), form.body)
        if recorded.expires_at is not None and recorded.expires_at <= self._clock():
            return _inactive(answer)
        return _merged(answer, recorded)

    async def _about_own(self, scope: Scope, form: FormRequest, found: OwnToken, token: str) -> Reply:
        # Also for a token that is dead: whether the caller may ask at all is the server's to say, and comes first.
        body = form.replaced({"token": found.original or self._stands_in(token)})
        answer = await self._upstream.call(_asking_for_json(scope), body)
        if found.state == "good":
            return _merged(answer, difference(found))
        log.info("introspected_token_not_good", state=found.state)
        return _inactive(answer)


def _merged(answer: Answer, differs: Difference) -> Reply:
    if answer.status != 200:
        return Reply(answer=answer, outcome="passed")
    document = _document(answer)
    if document.members.get("active") is not True:
        return Reply(answer=answer, outcome="inactive")
    try:
        body = JsonObject.parse(differs.applied(document))
    except JsonError as error:
        raise AnswerUnusable(f"the introspection answer cannot be changed: {error}") from error
    return Reply(answer=rewritten(answer, body, {}, ()), outcome="merged")


def _inactive(answer: Answer) -> Reply:
    if answer.status != 200:
        return Reply(answer=answer, outcome="passed")
    _document(answer)
    return Reply(answer=rewritten(answer, _INACTIVE, {}, ()), outcome="inactive")


def _document(answer: Answer) -> JsonObject:
    if answer.media_type != b"application/json":
        # A JWT (RFC 9701) would say under the server's signature what is no longer true.
        shown = answer.media_type.decode("latin-1") or "of no type, or of several"
        raise AnswerUnusable(f"the introspection answer is {shown}, not application/json")
    if answer.coding:
        raise AnswerUnusable(
            f"the introspection answer is encoded as {answer.coding!r}, though only identity was accepted"
        )
    try:
        return JsonObject.parse(answer.body)
    except JsonError as error:
        raise AnswerUnusable(f"the introspection answer is not strict JSON: {error}") from error


def _asking_for_json(scope: Scope) -> Scope:
    kept = [each for each in scope["headers"] if each[0] != b"accept"]
    return {**scope, "headers": [*kept, (b"accept", b"application/json")]}
