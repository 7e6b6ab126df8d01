"""Which client a token request names, and how it authenticates.

Nothing is verified here: the upstream authenticates the client with the same bytes. The name is for hooks and their
conditions, so a request that names two clients, or none that can be read for certain, is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote_to_bytes

from hookpoint.hooks.strict_json import JsonError, JsonObject
from hookpoint.proxy.bodies import BodyRefused, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Method = Literal["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none", "other"]

JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# RFC 9110 section 11.4 with exactly one space; token68 covers Basic and Bearer.
_CREDENTIALS = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([A-Za-z0-9._~+/-]+=*)")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAuthentication:
    """The client as the request names it, unverified.

    `method` is a name of the registry of RFC 8414 section 2. `none` includes mutual TLS (RFC 8705), where the request
    holds the client id alone; `other` is an HTTP scheme or assertion type unknown here.
    """

    client_id: str | None
    method: Method


def client_authentication(
    headers: Iterable[tuple[bytes, bytes]], members: Mapping[str, object]
) -> ClientAuthentication:
    """Read the client from the header fields and body members of a token request.

    Raises `BodyRefused`: two methods or two clients in one request (RFC 6749 section 2.3), credentials that cannot be
    read for certain.
    """
    claimed = read_text(members, "client_id")
    found = [
        named
        for named in (_in_header(headers), _in_assertion(members), _in_secret(members, claimed))
        if named is not None
    ]
    if len(found) > 1:
        raise BodyRefused("The client authenticates in more than one way.")
    if not found:
        return ClientAuthentication(client_id=claimed, method="none")
    named = found[0]
    if claimed is not None and named.client_id not in (None, claimed):
        raise BodyRefused("The request names two clients.")
    return ClientAuthentication(client_id=named.client_id or claimed, method=named.method)


def _in_header(headers: Iterable[tuple[bytes, bytes]]) -> ClientAuthentication | None:
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if not values:
        return None
    credentials = _CREDENTIALS.fullmatch(values[0])
    if credentials is None or len(values) > 1:
        raise BodyRefused("The Authorization header field is not one scheme, one space and one token.")
    if credentials[1].lower() != b"basic":
        return ClientAuthentication(client_id=None, method="other")
    return ClientAuthentication(client_id=_basic_user(credentials[2]), method="client_secret_basic")


def _basic_user(token: bytes) -> str:
    try:
        user, colon, _ = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        raise _unreadable("The Basic credentials are not base64 of UTF-8.") from None
    name = _form_decode(user)
    if not colon or not name or not name.isprintable():
        raise _unreadable("The Basic credentials hold no client id.")
    return name


def _form_decode(user: str) -> str:
    """RFC 6749 section 2.3.1 encodes the id; a sign that begins no escape shows a client that did not."""
    if _BAD_ESCAPE.search(user):
        return user
    try:
        return unquote_to_bytes(user.replace("+", " ")).decode()
    except UnicodeDecodeError:
        return user


def _in_secret(members: Mapping[str, object], claimed: str | None) -> ClientAuthentication | None:
    if read_text(members, "client_secret") is None:
        return None
    return ClientAuthentication(client_id=claimed, method="client_secret_post")


def _in_assertion(members: Mapping[str, object]) -> ClientAuthentication | None:
    assertion = read_text(members, "client_assertion")
    kind = read_text(members, "client_assertion_type")
    if assertion is None and kind is None:
        return None
    if assertion is None or kind is None:
        raise BodyRefused("A client assertion needs its type, and the type an assertion.")
    if kind != JWT_BEARER:
        return ClientAuthentication(client_id=None, method="other")
    header, claims = _jwt_parts(assertion)
    subject, algorithm = claims.get("sub"), header.get("alg")
    # RFC 7523 section 3: both are the client id.
    if not isinstance(subject, str) or not subject or claims.get("iss", subject) != subject:
        raise _unreadable("The client assertion names no client, or two.")
    symmetric = isinstance(algorithm, str) and algorithm.upper().startswith("HS")
    return ClientAuthentication(client_id=subject, method="client_secret_jwt" if symmetric else "private_key_jwt")


def _jwt_parts(assertion: str) -> tuple[Mapping[str, object], Mapping[str, object]]:
    parts = assertion.split(".")
    if len(parts) != 3:
        raise _unreadable("The client assertion is not a signed JWT.")
    try:
        header, claims = (JsonObject.parse(_base64url(part)).members for part in parts[:2])
    except (JsonError, ValueError):
        raise _unreadable("The client assertion is not a signed JWT.") from None
    return header, claims


def _base64url(part: str) -> bytes:
    """RFC 7515 section 2: without padding, without anything else."""
    if not part.isascii() or "+" in part or "/" in part or "=" in part:
        raise binascii.Error("not base64url")
    return base64.b64decode(part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4), validate=True)


def _unreadable(description: str) -> BodyRefused:
    return BodyRefused(description, error="invalid_client")
