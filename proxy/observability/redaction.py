"""Keeping secrets out of logs: by the name of a value, and by what a text looks like."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"

_DEPTH = 8
_LEAST_KNOWN = 4
_known: ContextVar[tuple[str, ...]] = ContextVar("known", default=())

_SECRET_WORDS = frozenset(
    {"apikey", "assertion", "authorization", "bearer", "cookie", "credential", "jwe", "jws", "jwt", "otp", "passcode"}
    | {"passphrase", "passwd", "password", "pin", "pwd", "secret", "token", "totp", "verifier", "whsec"}
)
# `code` alone is an authorization code or a one-time code; `exit_code` and `status_code` are neither. So with keys.
_QUALIFIED = {
    "code": frozenset(
        {
            "access",
            "auth",
            "authorization",
            "backup",
            "binding",
            "device",
            "login",
            "mfa",
            "oob",
            "one",
            "recovery",
            "sms",
        }
        | {"time", "user", "verification"}
    ),
    "key": frozenset({"access", "api", "encryption", "master", "private", "sealing", "secret", "signing"}),
}
# What a secret's name qualifies here is about the secret, not the secret: token_endpoint, key_id, secret_count.
_HARMLESS_ENDINGS = frozenset(
    {
        "algorithm",
        "alg",
        "count",
        "endpoint",
        "expires",
        "expiry",
        "file",
        "format",
        "id",
        "ids",
        "kid",
        "kids",
        "length",
    }
    | {"method", "name", "names", "path", "route", "seconds", "size", "status", "timeout", "type", "uri", "url", "use"}
)

# Of secrets, only these may be numbers; a count of tokens is none.
_NUMERIC_SECRETS = ("code", "otp", "passcode", "password", "pin", "totp")
# The stable codes of errors are logged as `code`; no authorization code or one-time code looks like them.
_ERROR_CODE = re.compile(r"[a-z]+(?:_[a-z]+)+")

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_PARAMETERS = (
    "access_token|actor_token|api_key|assertion|auth_token|authorization|binding_code|client_assertion|client_secret|code"
    "|code_verifier|cookie|device_code|id_token|id_token_hint|logout_token|mfa_token|new_password|old_password|one_time_code"
    "|otp|passcode|passphrase|passwd|password|private_key|refresh_token|registration_access_token|secret|set-cookie"
    "|subject_token|token|user_code|verification_code|x-upstream-secret"
)

# Written so that no text makes it backtrack: what repeats is bounded or can begin in one place only.
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)"
    # JWS and JWE in compact form (RFC 7515 §7.1, RFC 7516 §7.1)
    r"|(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2}))eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+"
    r"|(?<![A-Za-z0-9_])whsec_[A-Za-z0-9+/=_-]+"
    # credentials (RFC 9110 §11.4), told from prose by what words are not made of
    r"|(?P<scheme>\b(?i:bearer|basic|dpop)\s{1,8})(?=[A-Za-z0-9._~+/=-]*[A-Z0-9_~+/=])[A-Za-z0-9._~+/=-]+"
    r"|(?P<field>(?<![A-Za-z0-9])(?i:(?:proxy-)?authorization|(?:set-)?cookie)\s{0,8}:\s{0,8})[^\r\n\"']+"
    r"|(?P<user>://[^/\s:@?#]*:)[^/\s@]+(?=@)"
    # a quoted value ends at the quote it began with, escaped as often; `"a\"b"` does not end in the middle
    rf"|(?P<member>(?<![A-Za-z0-9])(?i:{_PARAMETERS})\\{{0,16}}[\"']?\s{{0,8}}[:=]\s{{0,8}}b?(?P<quote>\\{{0,16}}[\"']))"
    r"(?:(?!(?<!\\)(?P=quote)).)*"
    rf"|(?P<pair>(?<![A-Za-z0-9])(?i:{_PARAMETERS})=)[^&\s\"']+",
    re.DOTALL,
)


@lru_cache(maxsize=2048)
def is_secret_name(name: str) -> bool:
    """Tell whether a value of this name is a secret whatever it looks like."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDINGS:
        return False
    last = words[-1].removesuffix("s")
    if last in _QUALIFIED:
        return words == ["code"] or not _QUALIFIED[last].isdisjoint(words)
    return any(word in _SECRET_WORDS or word.removesuffix("s") in _SECRET_WORDS for word in words)


@contextlib.contextmanager
def redacting(*texts: str) -> Iterator[None]:
    """Keep these very texts out of what is logged within, wherever they stand: a hook may put them into an exception.

    Texts of less than four characters are left alone.
    """
    token = _known.set((*_known.get(), *(text for text in texts if len(text) >= _LEAST_KNOWN)))
    try:
        yield
    finally:
        _known.reset(token)


def redact_text(text: str) -> str:
    """Return a text without tokens, credentials, private keys, secret parameters and what `redacting` names."""
    text = _SECRET_TEXT.sub(_keep_label, text)
    for known in _known.get():
        text = text.replace(known, REDACTED)
    return text


def _keep_label(match: re.Match[str]) -> str:
    labels = (match["scheme"], match["field"], match["user"], match["member"], match["pair"])
    return next(filter(None, labels), "") + REDACTED


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Return a log event that holds no secret: the structlog processor before the renderer.

    Everything that is not a number, a text or a container becomes its `repr`, so that nothing is rendered unseen.
    """
    for name, value in event.items():
        event[name] = _redact_value(name, value, _DEPTH)
    return event


def _redact_value(name: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return REDACTED if name.lower().endswith(_NUMERIC_SECRETS) and is_secret_name(name) else value
    if is_secret_name(name):
        return value if isinstance(value, str) and _ERROR_CODE.fullmatch(value) else REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray):
        return redact_text(value.decode("utf-8", "backslashreplace"))
    if depth == 0:
        return REDACTED
    if isinstance(value, Mapping):
        return {redact_text(str(key)): _redact_value(str(key), inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | bytes):
            return [_redact_value("", value[0], 1), _redact_value(_text(value[0]), value[1], depth - 1)]
        return [_redact_value(name, inner, depth - 1) for inner in value]
    return redact_text(repr(value))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
