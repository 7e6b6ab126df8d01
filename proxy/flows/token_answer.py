"""The server's answer to a token request, and the answer that leaves in its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.answers import Answer

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
# RFC 8693 section 3: the types of what token exchange issues that are access tokens.
_ACCESS_TOKEN_TYPES: Final = frozenset(
    ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"]
)


class TokenAnswerInvalid(Exception):  # noqa: N818 - a verdict on the server's answer
    """The server's answer is no token answer that can be read for certain; the text is for operators."""

    code = "upstream_answer_invalid"


def read_token_answer(answer: Answer) -> JsonObject:
    """Read a success (RFC 6749 section 5.1); raises TokenAnswerInvalid."""
    if answer.status != 200:
        place = (answer.header(b"location") or b"").decode("latin-1")
        hint = f" to {place!r}: set upstream.routes.token to where the endpoint really is" if place else ""
        raise TokenAnswerInvalid(f"the token endpoint answered {answer.status}{hint}")
    if answer.coding:
        raise TokenAnswerInvalid(f"the answer is encoded as {answer.coding!r}, though only identity was accepted")
    if answer.media_type != b"application/json":
        shown = answer.media_type.decode("latin-1") or "of no type, or of several"
        raise TokenAnswerInvalid(f"the answer is {shown}, not application/json")
    try:
        envelope = JsonObject.parse(answer.body)
    except JsonError as error:
        raise TokenAnswerInvalid(f"the answer is not strict JSON: {error}") from error
    token = envelope.members.get("access_token")
    if not isinstance(token, str) or not token:
        raise TokenAnswerInvalid("the answer has no access_token")
    return envelope


def holds_access_token(envelope: JsonObject) -> bool:
    """Whether `access_token` is one: token exchange may put something else there (RFC 8693 section 2.2.1)."""
    issued = envelope.members.get("issued_token_type")
    return issued is None or issued in _ACCESS_TOKEN_TYPES


def rewritten(answer: Answer, envelope: JsonObject, members: Mapping[str, object], remove: Collection[str]) -> Answer:
    """The answer with members replaced, added and left out; all others keep their bytes."""
    body = envelope.edited(members, remove)
    headers = [each for each in answer.headers if each[0] not in _STALE_HEADERS]
    directives = b",".join(value for name, value in headers if name == b"cache-control").lower()
    if b"no-store" not in directives:  # RFC 6749 section 5.1
        headers.append((b"cache-control", b"no-store"))
    headers.append((b"content-length", str(len(body)).encode()))
    return Answer(status=answer.status, headers=headers, body=body)


def texts(value: object) -> tuple[str, ...]:
    """The texts of a member that is one text or an array of them."""
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, Sequence) else ()
