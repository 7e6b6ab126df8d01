"""Which header fields pass through the proxy (RFC 9110 section 7.6.1)."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Header = tuple[bytes, bytes]

# For one connection only (RFC 9110 section 7.6.1), or for the proxy itself (section 11.7).
_HOP_BY_HOP = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ]
)

# Answered by the client's server (RFC 9110 section 10.1.1), or part of an h2c upgrade.
_ENDS_HERE = frozenset([b"expect", b"http2-settings"])

# Some frameworks route on these instead of the request line, so that a hooked route would be reached without its hook.
_OVERRIDES = frozenset(
    [
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-original-method",
        b"x-original-url",
        b"x-original-uri",
        b"x-rewrite-url",
    ]
)

# Written anew for every request, from what a trusted proxy said or from the connection itself.
_REWRITTEN = frozenset(
    [
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-real-ip",
    ]
)

# What upstreams believe because only a proxy can say it.
_PROXY_ONLY = frozenset(
    [
        b"client-ip",
        b"client-cert",
        b"client-cert-chain",
        b"fastly-client-ip",
        b"front-end-https",
        b"true-client-ip",
        b"wl-proxy-client-ip",
        b"x-client-cert",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-envoy-external-address",
        b"x-host",
        b"x-original-forwarded-for",
        b"x-original-host",
        b"x-originating-ip",
        b"x-scheme",
        b"x-url-scheme",
    ]
)
_PROXY_ONLY_PREFIXES = (b"x-forwarded-", b"cf-", b"x-ssl-", b"ssl-client-", b"x-appengine-", b"x-azure-")

# Meant for the recipient: naming them in Connection must not take them away (RFC 9110 section 7.6.1, last paragraph).
_KEPT_THOUGH_NOMINATED = frozenset(
    [
        b"access-control-allow-credentials",
        b"access-control-allow-origin",
        b"authorization",
        b"cache-control",
        b"content-digest",
        b"content-encoding",
        b"content-length",
        b"content-security-policy",
        b"content-type",
        b"cookie",
        b"date",
        b"dpop",
        b"dpop-nonce",
        b"host",
        b"location",
        b"oauth-client-attestation",
        b"oauth-client-attestation-pop",
        b"origin",
        b"pragma",
        b"referer",
        b"set-cookie",
        b"signature",
        b"signature-input",
        b"strict-transport-security",
        b"user-agent",
        b"vary",
        b"via",
        b"www-authenticate",
        b"x-content-type-options",
        b"x-csrf-token",
        b"x-csrftoken",
        b"x-frame-options",
        b"x-xsrf-token",
    ]
)


class _Passage(Enum):
    FREE = 1
    TRUSTED_ONLY = 2
    NEVER = 3


# Looked up for every field of every request; on the class that takes ten times as long.
_FREE, _TRUSTED_ONLY, _NEVER = _Passage


@lru_cache(maxsize=4096)
def _passage(name: bytes) -> _Passage:
    # CGI, WSGI and PHP read "X_Real_IP" and "X-Real-IP" as one name, so an underscore is a second spelling of anything.
    if b"_" in name or name in _HOP_BY_HOP or name in _ENDS_HERE or name in _OVERRIDES or name in _REWRITTEN:
        return _NEVER
    if name in _PROXY_ONLY or name.startswith(_PROXY_ONLY_PREFIXES):
        return _TRUSTED_ONLY
    return _FREE


def request_fields(headers: Iterable[Header], *, trusted: bool, secret_name: bytes | None = None) -> list[Header]:
    """Return the fields of a request that pass to the upstream, in order, duplicates kept, names in lower case.

    `trusted` says whether the peer is a proxy that is believed; `secret_name` (lower case) is a field only we may set.
    """
    passing: list[Header] = []
    options: list[bytes] = []
    for name, value in headers:
        name = name.lower()
        if name == b"connection":
            options.append(value)
            continue
        passage = _passage(name)
        if passage is _NEVER or (passage is _TRUSTED_ONLY and not trusted) or name == secret_name:
            continue
        passing.append((name, value))
    return _without_nominated(passing, options)


def response_fields(headers: Sequence[Header], *, status: int, date: bytes) -> list[Header]:
    """Return the fields of an answer that pass to the client, in order and duplicates kept; names are in lower case.

    `date` is used where the upstream gave no Date (RFC 9110 section 6.6.1).
    """
    # Both have no body, yet servers hold an application to the length it states.
    bodiless = status in (204, 304)
    passing: list[Header] = []
    options: list[bytes] = []
    dated = False
    for field in headers:
        name = field[0]
        if name == b"connection":
            options.append(field[1])
        # Alt-Svc would lead clients around the proxy.
        if name in _HOP_BY_HOP or name == b"alt-svc" or (bodiless and name == b"content-length"):
            continue
        if name == b"date":
            dated = True
        passing.append(field)
    if not dated:
        passing.append((b"date", date))
    return _without_nominated(passing, options)


def _without_nominated(fields: list[Header], options: Iterable[bytes]) -> list[Header]:
    nominated = {name.strip().lower() for option in options for name in option.split(b",")} - _KEPT_THOUGH_NOMINATED
    return [field for field in fields if field[0] not in nominated] if nominated else fields
