"""Second factors: which phones belong to whom, which logins wait for a code, and which codes are open."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from typing import Final

from authlib.oauth2 import OAuth2Error

from hookpoint.proxy.demo.authorization_server.attempts import Attempts
from hookpoint.proxy.demo.authorization_server.clients import Client
from hookpoint.proxy.demo.authorization_server.codes import Channel
from hookpoint.proxy.demo.authorization_server.tokens import Clock
from hookpoint.proxy.demo.authorization_server.users import User

LOGIN_SECONDS: Final = 600  # how long an mfa_token is good
CODE_SECONDS: Final = 300
_REMEMBERED_SECONDS: Final = 3600  # so that an expired token is told from one that never was
_TRIES: Final = 5  # for each code
_MOST_WRONG, _MOST_SENT, _WINDOW = 15, 10, 3600.0  # for each user
_RECOVERY_BYTES: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """A phone that codes are sent to; it is active once a code that was sent there came back."""

    id: str
    channel: Channel
    number: str = field(repr=False)
    active: bool = False

    @property
    def masked(self) -> str:
        """The number, as it may be shown to somebody who knows no more than the password."""
        return self.number[:4] + "X" * len(self.number[4:])


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """Somebody knew a password; the token that was asked for waits for the second factor."""

    user_id: str
    client_id: str
    scope: str
    audiences: tuple[str, ...]
    expires_at: float


@dataclass(slots=True, kw_only=True)
class _OpenCode:
    mfa_token: str = field(repr=False)
    authenticator: Authenticator
    code: str = field(repr=False)
    expires_at: float
    tries: int = 0


class SecondFactors:
    """All of it, in memory. Tokens and codes work once, expire, and can be guessed a few times only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logins: dict[str, PendingLogin] = {}
        self._codes: dict[str, _OpenCode] = {}
        self._authenticators: dict[str, dict[str, Authenticator]] = {}
        self._recovery: dict[str, bytes] = {}
        self._guesses = Attempts(most=_MOST_WRONG, window=_WINDOW, clock=clock)
        self._sent = Attempts(most=_MOST_SENT, window=_WINDOW, clock=clock)

    def of(self, user: User) -> list[Authenticator]:
        """The authenticators of a user, active or not."""
        return list(self._authenticators.get(user.id, {}).values())

    def active(self, user: User) -> list[Authenticator]:
        """Those by which a user can log in."""
        return [each for each in self.of(user) if each.active]

    def remove(self, user: User, authenticator_id: str) -> bool:
        """Forget an authenticator; False when the user has none of that id. With the last one goes the recovery code."""
        found = self._authenticators.get(user.id, {}).pop(authenticator_id, None)
        if not self.active(user):
            self._recovery.pop(user.id, None)
        return found is not None

    def begin(self, user: User, client: Client, scope: str, audiences: list[str]) -> str:
        """Let a login wait for its second factor; returns the mfa_token."""
        now = self._clock()
        self._logins = {
            token: each for token, each in self._logins.items() if each.expires_at + _REMEMBERED_SECONDS > now
        }
        self._codes = {oob_code: each for oob_code, each in self._codes.items() if each.expires_at > now}
        token = secrets.token_urlsafe(32)
        self._logins[token] = PendingLogin(
            user_id=user.id,
            client_id=client.client_id,
            scope=scope,
            audiences=tuple(audiences),
            expires_at=now + LOGIN_SECONDS,
        )
        return token

    def pending(self, mfa_token: str, client: Client | None = None) -> PendingLogin:
        """The login that waits; raises OAuth2Error. A `client` has to be the one that began it."""
        login = self._logins.get(mfa_token)
        if login is None or (client is not None and client.client_id != login.client_id):
            raise refusal("invalid_grant", "Malformed mfa_token", 403)
        if login.expires_at <= self._clock():
            raise refusal("expired_token", "mfa_token is expired", 401)
        return login

    def cancel(self, user: User) -> None:
        """End the logins of a user that wait, as when the password has changed."""
        self._logins = {token: each for token, each in self._logins.items() if each.user_id != user.id}

    def enroll(self, user: User, channel: Channel, number: str) -> Authenticator:
        """Note a phone; it is of use once it was confirmed.

        Phones that were noted before and not confirmed are forgotten: somebody with no more than the password may have.
        """
        authenticator = Authenticator(id=f"{channel}|dev_{secrets.token_hex(8)}", channel=channel, number=number)
        kept = {each.id: each for each in self.active(user)}
        self._authenticators[user.id] = {**kept, authenticator.id: authenticator}
        return authenticator

    def open_code(self, mfa_token: str, authenticator: Authenticator) -> tuple[str, str]:
        """Make a code for a phone; returns the oob_code and the code. Raises OAuth2Error when there were too many."""
        login = self.pending(mfa_token)
        if not self._sent.take(login.user_id):
            raise refusal("too_many_requests", "Too many codes were asked for. Try again later.", 429)
        oob_code, code = secrets.token_urlsafe(32), f"{secrets.randbelow(1_000_000):06}"
        self._codes[oob_code] = _OpenCode(
            mfa_token=mfa_token, authenticator=authenticator, code=code, expires_at=self._clock() + CODE_SECONDS
        )
        return oob_code, code

    def close_code(self, oob_code: str) -> None:
        """Forget a code that did not reach its phone."""
        self._codes.pop(oob_code, None)

    def confirm_code(self, mfa_token: str, client: Client, oob_code: str, binding_code: str) -> PendingLogin:
        """The login that goes on, since the code came back; raises OAuth2Error."""
        login = self.pending(mfa_token, client)
        self._count_guess(login)
        opened = self._codes.get(oob_code)
        if opened is None or opened.mfa_token != mfa_token or opened.expires_at <= self._clock():
            raise refusal("invalid_grant", "MFA Authorization rejected.", 403)
        opened.tries += 1
        if opened.tries > _TRIES:
            raise refusal("invalid_grant", "MFA Authorization rejected.", 403)
        if not secrets.compare_digest(opened.code.encode(), binding_code.encode()):
            raise refusal("invalid_grant", "Invalid binding_code.", 403)
        owned = self._authenticators.get(login.user_id, {})
        if opened.authenticator.id not in owned:
            raise refusal("invalid_grant", "MFA Authorization rejected.", 403)
        owned[opened.authenticator.id] = replace(opened.authenticator, active=True)
        self._end(mfa_token, login)
        return login

    def confirm_recovery(self, mfa_token: str, client: Client, recovery_code: str) -> PendingLogin:
        """The login that goes on by a recovery code, which is used up; raises OAuth2Error."""
        login = self.pending(mfa_token, client)
        self._count_guess(login)
        kept = self._recovery.get(login.user_id, b"")
        enrolled = any(each.active for each in self._authenticators.get(login.user_id, {}).values())
        if not enrolled or not secrets.compare_digest(_digest(recovery_code), kept):
            raise refusal("invalid_grant", "MFA Authorization rejected.", 403)
        del self._recovery[login.user_id]
        self._end(mfa_token, login)
        return login

    def new_recovery_code(self, user_id: str) -> str:
        """A recovery code in place of the one before."""
        code = secrets.token_hex(_RECOVERY_BYTES).upper()[:24]
        self._recovery[user_id] = _digest(code)
        return code

    def _count_guess(self, login: PendingLogin) -> None:
        if not self._guesses.take(login.user_id):
            raise refusal("too_many_attempts", "Too many wrong codes. Try again later.", 429)

    def _end(self, mfa_token: str, login: PendingLogin) -> None:
        self._guesses.forget(login.user_id)
        del self._logins[mfa_token]
        self._codes = {oob_code: each for oob_code, each in self._codes.items() if each.mfa_token != mfa_token}


def refusal(error: str, description: str, status: int) -> OAuth2Error:
    """An error of the token endpoint and of the MFA routes, in the words of Auth0."""
    return OAuth2Error(error=error, description=description, status_code=status)


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
