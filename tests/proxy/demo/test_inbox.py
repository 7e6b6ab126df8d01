"""The page on which the demo's messages arrive."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2

from hookpoint.proxy.demo.authorization_server import Mail, Mailbox
from hookpoint.proxy.demo.inbox import Inbox
from hookpoint.proxy.demo.journal import Journal


def text(message: str, code: str | None) -> str:
    members = {"id": "1", "at": "2026-11-30T12:00:00+00:00", "recipient": "+491711234567", "kind": "sms"}
    return json.dumps({**members, "purpose": "enrollment", "sender": None, "text": message, "code": code}) + "\n"


async def read(inbox: Inbox, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(inbox.create_app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://inbox") as http:
        return await http.get(path)


def empty_inbox(folder: Path) -> Inbox:
    return Inbox(texts=folder / "texts.jsonl", mailbox=Mailbox(), journal=Journal(path=folder / "journal.txt"))


async def test_an_empty_inbox_says_so(tmp_path: Path) -> None:
    inbox = empty_inbox(tmp_path)
    assert (await read(inbox, "/")).text.count("None yet.") == 3
    assert (await read(inbox, "/link")).text == "\n"
    assert (inbox.newest_text(), inbox.newest_code()) == (None, "")
    assert await inbox.journal.line_about("ann", within=0.0) == ""


async def test_what_has_arrived_is_shown_as_text_the_newest_first(tmp_path: Path) -> None:
    inbox = empty_inbox(tmp_path)
    inbox.texts.write_text(text("111111 is your code", "111111") + text("222222 is <b>your code</b>", "222222"))
    inbox.mailbox.send(Mail(to="ann@example.com", subject="Reset", text="Here: http://127.0.0.1/lo/reset?ticket=a"))
    inbox.journal.path.write_text("ann@example.com <script> has signed up\n")
    page = await read(inbox, "/")
    assert page.text.index("222222") < page.text.index("111111")
    assert "<b>" not in page.text
    assert "<script>" not in page.text
    assert '<a href="http://127.0.0.1/lo/reset?ticket=a">' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await read(inbox, "/link")).text == "http://127.0.0.1/lo/reset?ticket=a\n"
    assert inbox.newest_code() == "222222"
