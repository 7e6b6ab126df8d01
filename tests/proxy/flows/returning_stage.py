"""Own tokens in a store in memory, and an application that keeps what reaches it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

from joserfc.jwk import ECKey
from starlette.types import Message, Receive, Scope, Send

from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.answers import Answer
from hookpoint.proxy.store import Store
from hookpoint.proxy.tokens.own_tokens import OwnTokens
from hookpoint.proxy.tokens.signing_keys import SigningKeys
from hookpoint.proxy.vault.kinds import ACCESS, OPAQUE
from hookpoint.proxy.vault.vault import Vault
from tests.proxy.tokens.issuer import forge

NOW = 1_800_000_000
UPSTREAM_KEY = ECKey.generate_key("P-256", {"kid": "upstream-1"})
FORM = (b"content-type", b"application/x-www-form-urlencoded")
BASIC = (b"authorization", b"Basic bTJtOnNlY3JldA==")  # m2m:secret
CLAIMS: Mapping[str, object] = {
    "iss": "https://login.example.com",
    "sub": "user-1",
    "aud": "https://api.example.com",
    "client_id": "m2m",
    "exp": NOW + 3600,
    "iat": NOW,
    "scope": "read write",
}

Flow = Callable[[Scope, Receive, Send], Awaitable[object]]


class Clock:
    """Seconds since 1970 that pass when a test says so."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def upstream_token(**claims: object) -> str:
    """A token as the server signs it."""
    payload = {**CLAIMS, "jti": uuid4().hex, **claims}
    return forge({"alg": "ES256", "kid": "upstream-1", "typ": "at+jwt"}, payload, UPSTREAM_KEY, "ES256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A re-issued token and what it stands for."""

    token: str
    original: str
    claims: Mapping[str, object]


@dataclass(slots=True, kw_only=True)
class OwnStage:
    """Keys, vault and what is built on them."""

    store: Store
    keys: SigningKeys
    vault: Vault
    tokens: OwnTokens
    clock: Clock

    async def sign(self, claims: Mapping[str, object]) -> str:
        """A token under a key of ours."""
        return await (await self.keys.signer_for("ES256")).sign({"typ": "at+jwt"}, write_json(claims))

    async def issue(
        self,
        *,
        kind: str = ACCESS,
        original: str | None = None,
        claims: Mapping[str, object] | None = None,
        **changes: object,
    ) -> Issued:
        """Re-issue a token with changed claims, None leaving one out, and keep its original as the token endpoint does."""
        jti = uuid4().hex
        kept = {
            name: value
            for name, value in {**CLAIMS, "jti": jti, **(claims or {}), **changes}.items()
            if value is not None
        }
        original = original or upstream_token(jti=jti)
        token = await self.sign(kept)
        await self.vault.put(kind, token, original.encode(), expires_at=NOW + 7200)
        return Issued(token=token, original=original, claims=kept)

    async def remember(self, token: str, **record: object) -> None:
        """Keep what hooks made of an opaque token."""
        kept = {"claims": {}, "remove": [], "scope": None, "exp": None, **record}
        await self.vault.put(OPAQUE, token, write_json(kept), expires_at=NOW + 3600)

    async def break_store(self) -> None:
        """Have the store gone."""
        await self.store.aclose()


@dataclass(slots=True)
class Application:
    """What stands behind: keeps requests, and answers what a test wants."""

    answer: Answer = field(default_factory=lambda: json_answer({"active": True}))
    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.scopes.append(scope)
        self.bodies.append(bytes(body))
        await self.answer.send(send)

    @property
    def form(self) -> dict[str, str]:
        """The last form that came."""
        return {name: values[0] for name, values in parse_qs(self.bodies[-1].decode()).items()}

    def header(self, name: bytes) -> bytes | None:
        """A header of the last request."""
        return dict(self.scopes[-1]["headers"]).get(name)


def json_answer(members: Any, status: int = 200, *headers: tuple[bytes, bytes]) -> Answer:
    """A JSON answer of the server."""
    body = json.dumps(members).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    return Answer(status=status, headers=fields, body=body)


def members_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer."""
    members: dict[str, Any] = json.loads(answer.body)
    return members


def http_scope(method: str = "GET", path: str = "/", query: bytes = b"", *headers: tuple[bytes, bytes]) -> Scope:
    """The scope of a request."""
    target = path.encode() + (b"?" + query if query else b"")
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"login.example.com"), *headers],
        "hookpoint.target": target,
    }


async def ask(flow: Flow, scope: Scope, body: bytes = b"") -> Answer:
    """Send one request and return the answer."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await flow(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(status=sent[0]["status"], headers=sent[0]["headers"], body=content)


async def post(flow: Flow, form: Mapping[str, str] | bytes, *headers: tuple[bytes, bytes]) -> Answer:
    """POST a form as the client m2m."""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    length = (b"content-length", str(len(body)).encode())
    return await ask(flow, http_scope("POST", "/endpoint", b"", FORM, BASIC, length, *headers), body)
