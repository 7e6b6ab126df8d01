"""The page on which a forgotten password is replaced."""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.responses import HTMLResponse, Response

from hookpoint.proxy.demo.authorization_server.database_errors import DatabaseError
from hookpoint.proxy.demo.authorization_server.passwords import POLICY

# The ticket in the address is as good as a password: it must not travel on, nor be framed by another page.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Reset your password</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem }}
label, input {{ display: block; width: 100%; box-sizing: border-box }}
input, button {{ font: inherit; padding: .5rem; margin: .25rem 0 1rem }}
pre {{ font: inherit; white-space: pre-wrap }}
</style>
<h1>Reset your password</h1>
{content}
</html>
"""
_FORM: Final = """<p>For {email}.</p>
{problem}<form method="post" action="reset">
<input type="hidden" name="ticket" value="{ticket}">
<input type="hidden" name="email" value="{email}">
<label>New password <input type="password" name="newPassword" autocomplete="new-password" required></label>
<label>The same again <input type="password" name="confirmNewPassword" autocomplete="new-password" required></label>
<button>Change password</button>
</form>"""


def form(ticket: str, email: str, *, problem: DatabaseError | None = None) -> Response:
    """The form; with status 400 when what was sent has a problem."""
    told = "" if problem is None else f'<pre role="alert">{escape(_explain(problem))}</pre>\n'
    content = _FORM.format(ticket=escape(ticket), email=escape(email), problem=told)
    return _page(content, 200 if problem is None else 400)


def changed() -> Response:
    """The password was changed."""
    return _page("<p>Your password has been changed. You can log in with it now.</p>", 200)


def expired() -> Response:
    """The ticket is of no use, or no longer."""
    return refused("This link has been used, or is too old. Ask for another mail.")


def refused(reason: str) -> Response:
    """Something else is wrong."""
    return _page(f'<p role="alert">{escape(reason)}</p>', 400)


def _explain(problem: DatabaseError) -> str:
    if problem.body.get("code") == "invalid_password":
        return f"The password is too weak. It has to have:\n{POLICY}"
    return str(problem.body["error"])


def _page(content: str, status: int) -> Response:
    return HTMLResponse(_PAGE.format(content=content), status, _HEADERS)
