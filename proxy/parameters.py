"""The names of OAuth request parameters: which belong to a grant, which are secret, and what other parsers read them as."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from hookpoint.proxy.path_aliases import fold
from hookpoint.proxy.routes import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

METHOD_OVERRIDE_PARAMETER: Final = "_method"
METHOD_OVERRIDE_HEADERS: Final = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})

SECRET_PARAMETERS: Final = frozenset(
    {
        "client_secret", "client_assertion", "password", "code", "code_verifier", "refresh_token", "access_token",
        "id_token", "assertion", "subject_token", "actor_token", "device_code", "user_code", "auth_req_id",
        "otp", "oob_code", "binding_code", "recovery_code", "mfa_token", "token", "pre-authorized_code", "tx_code",
        "id_token_hint", "login_hint_token", "request", "user_password", "new_password", "old_password",
    }
)  # fmt: skip
# Whatever a vendor's grant calls them: `mfa_otp`, `partnerSecret`, `api_key`.
_SECRET_NAME = re.compile(
    r"(?:secret|passw(?:or)?d|passcode|passphrase|token|assertion|verifier|otp|api_?key|credentials?)\Z"
)

# RFC 6749 sections 4 and 6, RFC 7521, 7523, 7636, 8628, 8693, 8707, 9126, 9396, 9449, OpenID CIBA, and Auth0's and
# Logto's own.
GRANT_PARAMETERS: Final = SECRET_PARAMETERS | {
    "grant_type", "client_id", "client_assertion_type", "scope", "audience", "resource", "redirect_uri", "username",
    "subject_token_type", "actor_token_type", "requested_token_type", "authorization_details", "request_uri",
    "dpop_jkt", "realm", "connection", "organization", "organization_id", "token_type_hint",
}  # fmt: skip

_BRACKETS = re.compile(r"[\[\]]")
_UNDERSCORED = re.compile(r"[.\[\s]")


def fold_name(name: str) -> str:
    """What a parser reads that ignores letter case, width, accents, invisible characters and surrounding blanks."""
    return fold(name.lower()).strip()


def readings(name: str) -> frozenset[str]:
    """All names some parser gives a member: `Scope` is `scope` to Go and .NET, `scope[]` to PHP, Rails and qs.

    PHP also turns dots, blanks and an unclosed bracket into underscores.
    """
    return _known_readings(name) if len(name) <= _LONGEST_KNOWN else _readings(name)


def _readings(name: str) -> frozenset[str]:
    folded = fold_name(name)
    if folded.isidentifier():
        return frozenset({folded})
    root = _BRACKETS.split(folded.lstrip("["), maxsplit=1)[0]
    return frozenset({folded, root, _UNDERSCORED.sub("_", folded), _UNDERSCORED.sub("_", root)})


# Requests name the same few parameters; what a client makes up takes no more memory than this.
_LONGEST_KNOWN = 64
_known_readings = lru_cache(maxsize=512)(_readings)


def misread(name: str, names: AbstractSet[str]) -> bool:
    """Tell whether some parser takes a name for one of `names` that is not spelled so."""
    return name not in names and not names.isdisjoint(readings(name))


QUERY_PARAMETER: Final = Refused("parameter_in_query", "Parameters of this request belong into its body.")
METHOD_OVERRIDE: Final = Refused("method_override", "The method of this request cannot be overridden.")


def judge_query(query_string: bytes, names: AbstractSet[str] = GRANT_PARAMETERS) -> Refused | None:
    """Judge the query of an intercepted request: parameters of the body must not be there (RFC 6749 sections 2.3.1, 3.2).

    Returns the refusal, or None. Other members pass: they are the upstream's.
    """
    if not query_string:
        return None
    for pair in re.split(rb"[&;]", query_string):
        found = readings(unquote_plus(pair.partition(b"=")[0].decode("latin-1")))
        if METHOD_OVERRIDE_PARAMETER in found:
            return METHOD_OVERRIDE
        if not names.isdisjoint(found):
            return QUERY_PARAMETER
    return None


def is_method_override(header: bytes) -> bool:
    """Tell whether a header overrides the method, spelled with hyphens or, for CGI and WSGI, underscores."""
    return header.lower().replace(b"_", b"-") in METHOD_OVERRIDE_HEADERS


def grant_parameters(members: Mapping[str, object]) -> dict[str, object]:
    """The members of a token request that hooks may see: all but secrets, by name and by the look of the name."""
    return {name: _without_secrets(value) for name, value in members.items() if not _is_secret(name)}


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return grant_parameters(value)
    if isinstance(value, (list, tuple)):
        return [_without_secrets(item) for item in value]
    return value


def _is_secret(name: str) -> bool:
    return any(reading in SECRET_PARAMETERS or _SECRET_NAME.search(reading) for reading in readings(name))
