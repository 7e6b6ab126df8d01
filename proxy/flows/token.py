"""The token endpoint: a client's own token is issued by the server, changed by hooks, and signed again.

    request ─► read ─► server ─► verify ─► hooks ─► sign ─► answer

Everything that is no success of `grant_type=client_credentials` passes as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hookpoint.hooks import (
    Chain,
    CredentialsExchange,
    Deny,
    HookFailed,
    HookTimedOut,
    InvalidResult,
    Outcome,
    Request,
    TokenChanges,
    credentials_exchange,
)
from hookpoint.hooks.json import JsonValue, freeze
from hookpoint.proxy.answers import Answer, error_answer
from hookpoint.proxy.bodies import BodyRefused, parse_form, parse_json, read_text, read_texts
from hookpoint.proxy.client_authentication import client_authentication
from hookpoint.proxy.content_headers import check_content_headers
from hookpoint.proxy.dialects import Dialect
from hookpoint.proxy.flows.intercepted import ClientLeft, Directory, read_body, replay
from hookpoint.proxy.flows.reissuer import Reissuer
from hookpoint.proxy.parameters import fold_name, grant_parameters, judge_query
from hookpoint.proxy.store import StoreError
from hookpoint.proxy.strict_json import JsonError, JsonObject
from hookpoint.proxy.tokens.compact import classify
from hookpoint.proxy.tokens.errors import (
    ClaimFrozen,
    KeysUnavailable,
    ScopeInvalid,
    SigningKeyError,
    TokenRejected,
    TokenTooLarge,
)
from hookpoint.proxy.tokens.verification import TokenVerifier, VerifiedToken
from hookpoint.proxy.wrapped import CallFailed, call, with_identity_coding

CLIENT_CREDENTIALS: Final = "client_credentials"
MAX_ANSWER: Final = 1024 * 1024

# They speak of the bytes that the server sent (RFC 9110 section 8.8, RFC 9530, RFC 9421), not of those that leave.
_STALE_HEADERS: Final = frozenset(
    [
        b"content-length",
        b"etag",
        b"last-modified",
        b"content-md5",
        b"digest",
        b"content-digest",
        b"repr-digest",
        b"signature",
        b"signature-input",
        b"accept-ranges",
    ]
)

TokenOutcome = Literal[
    "passed", "unchanged", "reissued", "refused", "denied", "hook_failed", "upstream_failed", "not_signed", "left"
]

log = structlog.get_logger(__name__)


class TokenAnswerInvalid(Exception):  # noqa: N818 - a verdict on the server's answer
    """The server's answer is no token answer that can be read for certain; the text is for operators."""

    code = "upstream_answer_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A token request as it was read. `parameters` are those that hooks may see, `body` the bytes that came."""

    grant_type: str
    client_id: str
    scope: frozenset[str]
    audiences: tuple[str, ...]
    parameters: Mapping[str, JsonValue]
    body: bytes = field(repr=False)
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What the server answered. `verified` is None for a token that only its audience can read."""

    answer: Answer
    envelope: JsonObject = field(repr=False)
    token: str = field(repr=False)
    verified: VerifiedToken | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLimits:
    """Bounds of an intercepted call; sizes in bytes, times in seconds."""

    body_bytes: int = 64 * 1024
    body_timeout: float = 30.0
    timeout: float = 60.0


class TokenFlow:
    """Serves the token endpoint.

    `reissue_always` signs every token again, also where no hook changes it, because resource servers know no other keys.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        chain: Chain,
        verifier: TokenVerifier,
        reissuer: Reissuer,
        dialect: Dialect,
        directory: Directory,
        describe: Callable[[Scope], Request],
        limits: TokenLimits,
        reissue_always: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._chain = chain
        self._verifier = verifier
        self._reissuer = reissuer
        self._dialect = dialect
        self._directory = directory
        self._describe = describe
        self._limits = limits
        self._reissue_always = reissue_always
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> TokenOutcome:
        """Answer one request; returns what became of it, for metrics."""
        if scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return "passed"
        request = self._describe(scope)
        with structlog.contextvars.bound_contextvars(request_id=request.id):
            try:
                asked = await self._read(scope, receive, request)
            except ClientLeft:
                return "left"
            except BodyRefused as refusal:
                log.info("token_request_refused", error=refusal.error, reason=refusal.description)
                await self._refusal(refusal, request).send(send)
                return "refused"
            if asked.grant_type != CLIENT_CREDENTIALS:
                await self._app(scope, replay(asked.body, receive), send)
                return "passed"
            answer, outcome = await self._answer(scope, asked)
            await answer.send(send)
            return outcome

    async def _answer(self, scope: Scope, asked: Asked) -> tuple[Answer, TokenOutcome]:
        """The recipe, with every way in which it can end."""
        try:
            answer = await self._forward(scope, asked)
            if answer.status >= 400:
                return answer, "passed"
            granted = await self._inspect(answer, asked)
            event = self._event(asked, granted)
            outcome = await self._chain.run(credentials_exchange, event)
            if granted.verified is None:
                _check_passable(event, outcome)
                return granted.answer, "unchanged"
            return await self._reissue(granted, granted.verified, outcome)
        except Deny as denial:
            status = self._dialect.status_of(denial.code)
            return self._error(asked, status, denial.code, denial.user_message or denial.reason), "denied"
        except HookTimedOut:
            return self._error(asked, 500, "server_error", "A hook took too long; no token was issued."), "hook_failed"
        except HookFailed:
            return self._error(asked, 500, "server_error", "A hook failed; no token was issued."), "hook_failed"
        except (TokenTooLarge, ClaimFrozen, ScopeInvalid, JsonError) as error:
            log.error("changes_not_applicable", code=error.code, reason=str(error))
            return self._error(asked, 500, "server_error", "The token cannot be changed like this."), "hook_failed"
        except (StoreError, SigningKeyError) as error:
            log.error("signing_failed", code=error.code, reason=str(error))
            return self._error(
                asked, 503, "temporarily_unavailable", "Tokens cannot be signed at the moment.", retry_after=1
            ), "not_signed"
        except CallFailed as error:
            log.error("upstream_call_failed", reason=error.reason)
            if error.timed_out:
                return self._error(asked, 504, "temporarily_unavailable", "The server did not answer in time."), (
                    "upstream_failed"
                )
            return self._error(asked, 502, "server_error", "The server's answer broke off."), "upstream_failed"
        except TokenAnswerInvalid as error:
            log.error("upstream_answer_invalid", reason=str(error))
            return self._error(asked, 502, "server_error", "The server's answer cannot be used."), "upstream_failed"
        except TokenRejected as error:
            log.error("upstream_token_rejected", code=error.code, reason=error.reason)
            return self._error(asked, 502, "server_error", "The server's token does not verify."), "upstream_failed"
        except KeysUnavailable as error:
            log.error("upstream_keys_unavailable", reason=str(error))
            return self._error(
                asked, 503, "temporarily_unavailable", "The server's keys cannot be read at the moment.", retry_after=1
            ), "upstream_failed"

    async def _read(self, scope: Scope, receive: Receive, request: Request) -> Asked:
        if scope["method"] != "POST":
            raise BodyRefused("Ask for tokens with POST (RFC 6749 section 3.2).", status=405)
        headers = scope["headers"]
        if refused := judge_query(scope.get("query_string", b"")):
            raise BodyRefused(refused.reason)
        kind = check_content_headers(headers, json_allowed="json" in self._dialect.token.bodies)
        body = await read_body(receive, max_bytes=self._limits.body_bytes, timeout=self._limits.body_timeout)
        members = (parse_form(body) if kind == "form" else parse_json(body)).members
        grant_type = read_text(members, "grant_type")
        if grant_type is None:
            raise BodyRefused("The parameter grant_type is missing.")
        if grant_type != CLIENT_CREDENTIALS and fold_name(grant_type) == CLIENT_CREDENTIALS:
            raise BodyRefused("The grant type is written client_credentials.", error="unsupported_grant_type")
        client = client_authentication(headers, members)
        return Asked(
            grant_type=grant_type,
            client_id=client.client_id or "",
            scope=frozenset(" ".join(read_texts(members, "scope")).split()),
            audiences=read_texts(members, "audience") or read_texts(members, "resource"),
            parameters=freeze(cast("Mapping[str, JsonValue]", grant_parameters(members))),
            body=body,
            request=request,
        )

    async def _forward(self, scope: Scope, asked: Asked) -> Answer:
        """Let the server decide. What it refuses passes as it is; what is neither yes nor no is an error."""
        inner = {**scope, "headers": with_identity_coding(scope["headers"])}
        answer = await call(self._app, inner, asked.body, max_body=MAX_ANSWER, timeout=self._limits.timeout)
        if 200 < answer.status < 400:
            place = (answer.header(b"location") or b"").decode("latin-1")
            hint = f" to {place!r}: set upstream.routes.token to where the endpoint really is" if place else ""
            raise TokenAnswerInvalid(f"the token endpoint answered {answer.status}{hint}")
        return answer

    async def _inspect(self, answer: Answer, asked: Asked) -> Granted:
        envelope = _read_envelope(answer)
        token = envelope.members.get("access_token")
        if not isinstance(token, str) or not token:
            raise TokenAnswerInvalid("the answer has no access_token")
        kind = classify(token)
        verified = await self._verifier.verify(token, asked.client_id or None) if kind == "jws" else None
        return Granted(answer=answer, envelope=envelope, token=token, verified=verified)

    def _event(self, asked: Asked, granted: Granted) -> CredentialsExchange:
        claims = granted.verified.payload.members if granted.verified else {}
        audiences = _texts(claims.get("aud")) or asked.audiences
        return CredentialsExchange(
            client=self._directory.client(_client_id(claims) or asked.client_id),
            scope=_scope(claims, granted.envelope.members, asked),
            audience=next(iter(audiences), ""),
            audiences=audiences,
            claims=freeze(cast("Mapping[str, JsonValue]", claims)),
            parameters=asked.parameters,
            request=asked.request,
        )

    async def _reissue(
        self, granted: Granted, verified: VerifiedToken, outcome: Outcome[CredentialsExchange, TokenChanges]
    ) -> tuple[Answer, TokenOutcome]:
        changes = outcome.changes or TokenChanges()
        if changes == TokenChanges() and not self._reissue_always:
            return granted.answer, "unchanged"
        token = await self._reissuer.reissue(verified, changes)
        log.info(
            "token_reissued",
            client_id=outcome.event.client.id,
            hooks=[run.hook.name for run in outcome.runs],
            claims_set=sorted(changes.claims),
            claims_removed=sorted(changes.remove_claims),
            scope=" ".join(sorted(outcome.event.scope)),
        )
        members: dict[str, object] = {
            "access_token": token.value,
            "expires_in": max(0, int(token.expires_at - self._clock())),
        }
        if token.scope is not None:
            members["scope"] = token.scope
        return _rewritten(granted, members), "reissued"

    def _refusal(self, refusal: BodyRefused, request: Request) -> Answer:
        headers = [(b"allow", b"POST, OPTIONS")] if refusal.status == 405 else []
        if refusal.status in (
            408,
            413,
        ):  # the rest of the body is still on the wire (RFC 9110 sections 15.5.9, 15.5.14)
            headers.append((b"connection", b"close"))
        return error_answer(refusal.status, refusal.error, refusal.description, request_id=request.id, headers=headers)

    def _error(self, asked: Asked, status: int, error: str, description: str, *, retry_after: int = 0) -> Answer:
        headers = [(b"retry-after", str(retry_after).encode())] if retry_after else []
        return error_answer(status, error, description, request_id=asked.request.id, headers=headers)


def _read_envelope(answer: Answer) -> JsonObject:
    if answer.status != 200:
        raise TokenAnswerInvalid(f"the token endpoint answered {answer.status}")
    if (coding := answer.header(b"content-encoding")) not in (None, b"", b"identity"):
        raise TokenAnswerInvalid(f"the answer is encoded as {coding!r}, though only identity was accepted")
    media_type = (answer.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise TokenAnswerInvalid(f"the answer is {media_type.decode('latin-1') or 'of no type'}, not application/json")
    try:
        return JsonObject.parse(answer.body)
    except JsonError as error:
        raise TokenAnswerInvalid(f"the answer is not strict JSON: {error}") from error


def _rewritten(granted: Granted, members: Mapping[str, object]) -> Answer:
    body = granted.envelope.edited(members)
    headers = [each for each in granted.answer.headers if each[0] not in _STALE_HEADERS]
    directives = b",".join(value for name, value in headers if name == b"cache-control").lower()
    if b"no-store" not in directives:  # RFC 6749 section 5.1
        headers.append((b"cache-control", b"no-store"))
    headers.append((b"content-length", str(len(body)).encode()))
    return Answer(status=granted.answer.status, headers=headers, body=body)


def _check_passable(event: CredentialsExchange, outcome: Outcome[CredentialsExchange, TokenChanges]) -> None:
    """Let a token pass that cannot be read here, unless a hook wants it to grant less than it does."""
    if outcome.changes is None:
        return
    hooks = [run.hook.name for run in outcome.runs if run.outcome == "changed"]
    changes = outcome.changes
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


def _client_id(claims: Mapping[str, object]) -> str | None:
    # RFC 9068 section 2.2; OpenID Connect Core section 2 for servers that name the client in azp.
    return next((value for name in ("client_id", "azp") if isinstance(value := claims.get(name), str)), None)


def _scope(claims: Mapping[str, object], envelope: Mapping[str, object], asked: Asked) -> frozenset[str]:
    for value in (claims.get("scope"), claims.get("scp"), envelope.get("scope")):
        if value is not None:
            return frozenset(" ".join(_texts(value)).split())
    # RFC 6749 section 5.1: an answer without scope grants what was asked for; a token that can be read tells itself.
    return frozenset() if claims else asked.scope


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, Sequence) else ()
