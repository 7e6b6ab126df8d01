"""What the claims of an upstream's access token must be (RFC 7519 section 4.1, RFC 8725 section 3, RFC 9068)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from hookpoint.proxy.tokens.errors import TokenRejected

TypeCheck = Literal["strict", "lenient"]
Claims = Mapping[str, object]

_EXPLICIT: Final = frozenset({"at+jwt", "application/at+jwt"})
_GENERIC: Final = frozenset({"jwt", "application/jwt"})
# Only ID tokens have these (OpenID Connect Core sections 2 and 3.3.2.11).
_ID_TOKEN_CLAIMS: Final = ("nonce", "at_hash", "c_hash", "s_hash")
# Some servers say in a claim what the token is: Keycloak in `typ`, Cognito in `token_use`.
_OTHER_USES: Final = frozenset({"id", "logout", "refresh", "offline"})
# The end of year 9999; beyond it stands a time in milliseconds, or nonsense.
_LATEST: Final = 253402300800


def check_type(typ: str | None, claims: Claims, client_id: str | None, check: TypeCheck) -> None:
    """Refuse everything that is no access token.

    An explicit `at+jwt` is always one. `lenient` also takes the generic type and none at all, as long as nothing makes
    the token look like an ID token or a logout token.
    """
    kind = None if typ is None else typ.lower()
    if kind in _EXPLICIT:
        return
    if check == "strict":
        raise TokenRejected("wrong_type", f"its type is {_shown(typ)}, not at+jwt")
    if kind is not None and kind not in _GENERIC:
        raise TokenRejected("wrong_type", f"its type {_shown(typ)} is not that of an access token")
    if sign := _sign_of_another_use(claims, client_id):
        raise TokenRejected("wrong_type", f"it looks like another kind of token: {sign}")


def check_id_token(typ: str | None, claims: Claims, client_id: str) -> None:
    """Refuse what is no ID token for this client (OpenID Connect Core sections 2 and 3.1.3.7)."""
    if typ is not None and typ.lower() not in _GENERIC:
        raise TokenRejected("wrong_type", f"its type {_shown(typ)} is not that of an ID token")
    audience = claims.get("aud")
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise TokenRejected("wrong_audience", "its audience is not the client")
    if not isinstance(claims.get("sub"), str):
        raise TokenRejected("invalid_claim", "its claim 'sub' is not a string")


def _sign_of_another_use(claims: Claims, client_id: str | None) -> str | None:
    if present := [name for name in _ID_TOKEN_CLAIMS if name in claims]:
        return f"it has the claim '{present[0]}'"
    if "events" in claims:
        return "it has the claim 'events' of a logout or security event token"
    for name in ("typ", "token_use"):
        use = claims.get(name)
        if isinstance(use, str) and use.lower() in _OTHER_USES:
            return f"its claim '{name}' says {_shown(use)}"
    if _is_for_the_client_itself(claims, client_id or claims.get("azp")):
        return "its audience is the client alone and nothing makes it an access token"
    return None


def _is_for_the_client_itself(claims: Claims, client: object) -> bool:
    """An ID token's audience is the client; so is an access token's where servers name no resource.

    What tells them apart then: access tokens name scopes or the client (RFC 9068 section 2.2), and only they can have
    the client as their subject.
    """
    if client is None or claims.get("aud") not in (client, [client]):
        return False
    return claims.get("sub") != client and not any(name in claims for name in ("scope", "scp", "client_id"))


def check_issuer(claims: Claims, issuer: str) -> None:
    """Compare as plain strings: a trailing slash or another case is another issuer (RFC 9207 section 2.4).

    An issuer that is not known, the empty string, is nobody's.
    """
    if not issuer or claims.get("iss") != issuer:
        raise TokenRejected("wrong_issuer", f"its issuer is {_shown(claims.get('iss'))}, expected {_shown(issuer)}")


def check_times(claims: Claims, now: float, leeway: float) -> None:
    """Check `exp`, which must be there, `nbf` and `iat` in seconds since 1970, allowing for clocks that differ."""
    expires, not_before, issued = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise TokenRejected("invalid_claim", "it has no 'exp'")
    if now >= expires + leeway:
        raise TokenRejected("token_expired", f"it expired {now - expires:.0f} seconds ago")
    for name, time in (("nbf", not_before), ("iat", issued)):
        if time is not None and time > now + leeway:
            raise TokenRejected("not_yet_valid", f"its '{name}' is {time - now:.0f} seconds ahead")
    if issued is not None and issued > expires:
        raise TokenRejected("invalid_claim", "it expires before it was issued")


def _time(claims: Claims, name: str) -> int | float | None:
    if name not in claims:
        return None
    time = claims[name]
    if isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time < _LATEST:
        raise TokenRejected("invalid_claim", f"its '{name}' is not a number of seconds since 1970")
    return time


def _shown(value: object) -> str:
    return repr(value)[:200]
