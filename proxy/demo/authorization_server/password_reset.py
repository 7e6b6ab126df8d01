"""Changing a forgotten password: a mail with a link, and the page behind the link.

`POST /dbconnections/change_password` only sends the mail. The password changes when the form of the page arrives at
`POST /lo/reset`, with the names that Auth0's own page uses: `ticket`, `email`, `newPassword`, `confirmNewPassword`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hookpoint.proxy.demo.authorization_server import database_errors, reset_page
from hookpoint.proxy.demo.authorization_server.bodies import read_members, text
from hookpoint.proxy.demo.authorization_server.database_errors import DatabaseError
from hookpoint.proxy.demo.authorization_server.forms import read_form
from hookpoint.proxy.demo.authorization_server.mail import Mail
from hookpoint.proxy.demo.authorization_server.sign_up import (
    check_client_and_connection,
    read_email,
    read_new_password,
)
from hookpoint.proxy.demo.authorization_server.tenant import Tenant
from hookpoint.proxy.demo.authorization_server.users import User

CHANGE_PASSWORD_PATH: Final = "/dbconnections/change_password"  # noqa: S105 - a path
RESET_PATH: Final = "/lo/reset"
TICKET_SECONDS: Final = 3600.0
_SENT: Final = "We've just sent you an email to reset your password."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ticket:
    user_id: str
    expires_at: float


@dataclass(slots=True, kw_only=True)
class PasswordReset:
    """The routes, and the tickets that are open; a ticket is good once, and only the newest of a user."""

    tenant: Tenant
    _tickets: dict[str, _Ticket] = field(default_factory=dict, repr=False)

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route(CHANGE_PASSWORD_PATH, self._ask, methods=["POST"]),
            Route(RESET_PATH, self._show, methods=["GET"]),
            Route(RESET_PATH, self._change, methods=["POST"]),
        ]

    async def _ask(self, request: Request) -> Response:
        try:
            members = await read_members(request)
            check_client_and_connection(self.tenant, members)
            email = read_email(members)
        except InvalidRequestError as error:
            return database_errors.plain(error.description).response
        except DatabaseError as error:
            return error.response
        user = self.tenant.users.find(email)
        # The answer is the same for everybody: it tells nobody who has an account.
        if user is not None and user.email.casefold() == email.casefold() and self.tenant.reset_mails.take(user.id):
            self.tenant.mailer.send(self._mail(user))
        return PlainTextResponse(_SENT, headers={"Cache-Control": "no-store"})

    def _mail(self, user: User) -> Mail:
        ticket = secrets.token_urlsafe(32)
        now = self.tenant.clock()
        self._tickets = {
            each: known for each, known in self._tickets.items() if known.user_id != user.id and known.expires_at > now
        }
        self._tickets[ticket] = _Ticket(user_id=user.id, expires_at=now + TICKET_SECONDS)
        link = f"{self.tenant.base}{RESET_PATH}?ticket={ticket}"
        return Mail(to=user.email, subject="Reset your password", text=f"Reset your password: {link}")

    async def _show(self, request: Request) -> Response:
        ticket = request.query_params.get("ticket", "")
        user = self._user_of(ticket)
        if user is None:
            return reset_page.expired()
        return reset_page.form(ticket, user.email)

    async def _change(self, request: Request) -> Response:
        try:
            form = {name: values[0] for name, values in (await read_form(request)).items()}
        except InvalidRequestError as error:
            return reset_page.refused(error.description)
        ticket = text(form, "ticket")
        user = self._user_of(ticket)
        if user is None or form.get("email") != user.email:
            return reset_page.expired()
        try:
            password = self._chosen(form)
        except DatabaseError as error:
            return reset_page.form(ticket, user.email, problem=error)
        del self._tickets[ticket]  # before anything is waited for: two requests with one ticket change one password
        await self.tenant.change_password(user, password)
        return reset_page.changed()

    def _chosen(self, form: dict[str, Any]) -> str:
        password = read_new_password(form, "newPassword")
        if form.get("confirmNewPassword") != password:
            raise database_errors.plain("The passwords are not the same.")
        return password

    def _user_of(self, ticket: str) -> User | None:
        known = self._tickets.get(ticket)
        if known is None or known.expires_at <= self.tenant.clock():
            return None
        return self.tenant.users.get(known.user_id)
