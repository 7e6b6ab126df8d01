"""A token request, read so that it means the same here and at the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from starlette.types import Receive, Scope

from hookpoint.hooks import JsonValue, Request
from hookpoint.hooks.json import freeze
from hookpoint.proxy.bodies import BodyRefused, parse_form, parse_json, read_text, read_texts
from hookpoint.proxy.client_authentication import Method, client_authentication
from hookpoint.proxy.content_headers import check_content_headers
from hookpoint.proxy.flows.intercepted import read_body
from hookpoint.proxy.parameters import fold_name, grant_parameters, judge_query

CLIENT_CREDENTIALS: Final = "client_credentials"
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 - the name of a grant


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequestLimits:
    """Bounds of the body, in bytes and seconds."""

    body_bytes: int = 64 * 1024
    body_timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What was asked for. `parameters` are those that hooks may see, `members` all of them, `body` the bytes that came."""

    grant_type: str
    client_id: str
    authentication: Method
    scope: frozenset[str]
    audiences: tuple[str, ...]
    parameters: Mapping[str, JsonValue]
    request: Request
    members: Mapping[str, object] = field(repr=False)
    authorization: bytes | None = field(repr=False)
    has_proof: bool
    body: bytes = field(repr=False)

    @property
    def refresh_token(self) -> str | None:
        """The refresh token, for the grant of that name."""
        return read_text(self.members, "refresh_token") if self.grant_type == REFRESH_TOKEN else None

    @property
    def credentials(self) -> Mapping[str, str] | None:
        """The body members that authenticate the client and can be used again; None where they are good only once."""
        if self.authentication in ("private_key_jwt", "client_secret_jwt", "other"):
            return None
        secret = read_text(self.members, "client_secret")
        claimed = read_text(self.members, "client_id")
        members = {"client_id": claimed, "client_secret": secret}
        return {name: value for name, value in members.items() if value is not None}


async def read_token_request(
    scope: Scope, receive: Receive, request: Request, *, json_allowed: bool, limits: TokenRequestLimits
) -> TokenRequest:
    """Read a token request; raises BodyRefused when it could mean different things to different parsers, ClientLeft."""
    if scope["method"] != "POST":
        raise BodyRefused("Ask for tokens with POST (RFC 6749 section 3.2).", status=405)
    headers = scope["headers"]
    if refused := judge_query(scope.get("query_string", b"")):
        raise BodyRefused(refused.reason)
    kind = check_content_headers(headers, json_allowed=json_allowed)
    body = await read_body(receive, max_bytes=limits.body_bytes, timeout=limits.body_timeout)
    members = (parse_form(body) if kind == "form" else parse_json(body)).members
    client = client_authentication(headers, members)
    return TokenRequest(
        grant_type=_grant_type(members),
        client_id=client.client_id or "",
        authentication=client.method,
        scope=frozenset(" ".join(read_texts(members, "scope")).split()),
        audiences=read_texts(members, "audience") or read_texts(members, "resource"),
        parameters=freeze(cast("Mapping[str, JsonValue]", grant_parameters(members))),
        request=request,
        members=members,
        authorization=next((value for name, value in headers if name == b"authorization"), None),
        has_proof=any(name == b"dpop" for name, _ in headers),
        body=body,
    )


def _grant_type(members: Mapping[str, object]) -> str:
    grant_type = read_text(members, "grant_type")
    if grant_type is None:
        raise BodyRefused("The parameter grant_type is missing.")
    for known in (CLIENT_CREDENTIALS, REFRESH_TOKEN):
        if grant_type != known and fold_name(grant_type) == known:
            raise BodyRefused(f"The grant type is written {known}.", error="unsupported_grant_type")
    return grant_type
