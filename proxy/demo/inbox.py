"""Where the demo's messages arrive: a page with text messages, mails, and what hooks have noted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from hookpoint.providers.vendors.file import Stored, read_inbox
from hookpoint.proxy.demo.authorization_server import Mailbox
from hookpoint.proxy.demo.journal import Journal

_LINK: Final = re.compile(r"https?://\S+")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="3">
<title>Inbox of the hookpoint demo</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }}
li {{ margin: .5rem 0; overflow-wrap: anywhere }}
small {{ color: #666; display: block }}
</style>
<h1>Inbox of the demo</h1>
<h2>Text messages</h2>{texts}
<h2>Mails</h2>{mails}
<h2>Noted by hooks that run after the answer</h2>{notes}
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What has arrived; `texts` is the file of hookpoint's SMS provider `file`."""

    texts: Path
    mailbox: Mailbox
    journal: Journal

    def newest_text(self) -> Stored | None:
        """The text message that came last."""
        return next(reversed(list(read_inbox(self.texts))), None)

    def newest_code(self) -> str:
        """The code in it; empty when there is none."""
        newest = self.newest_text()
        return (newest.code if newest else None) or ""

    def newest_link(self) -> str:
        """The link in the mail that came last; empty when there is none."""
        found = _LINK.search(self.mailbox.mails[-1].text) if self.mailbox.mails else None
        return found[0] if found else ""

    def create_app(self) -> Starlette:
        """A page at `/`; `/link` is the newest mail's link alone, for commands."""

        async def page(request: Request) -> Response:
            return HTMLResponse(self._page(), headers=_HEADERS)

        async def link(request: Request) -> Response:
            return PlainTextResponse(f"{self.newest_link()}\n", headers=_HEADERS)

        return Starlette(routes=[Route("/", page), Route("/link", link)])

    def _page(self) -> str:
        texts = [f"{escape(each.text)}<small>{escape(each.recipient)}</small>" for each in read_inbox(self.texts)]
        mails = [f"{_linked(each.text)}<small>{escape(each.to)}</small>" for each in self.mailbox.mails]
        notes = [escape(line) for line in self.journal.lines()]
        return _PAGE.format(texts=_list(texts), mails=_list(mails), notes=_list(notes))


def _list(items: Iterable[str]) -> str:
    newest_first = "".join(f"<li>{item}</li>" for item in reversed(list(items)))
    return f"<ul>{newest_first}</ul>" if newest_first else "<p>None yet.</p>"


def _linked(text: str) -> str:
    return _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(text))
