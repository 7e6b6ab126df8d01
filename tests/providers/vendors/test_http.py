from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from hookpoint.providers.errors import Misconfigured, ProviderError
from hookpoint.providers.loading import build
from hookpoint.providers.provider import SmsProvider
from tests.providers.recorder import Recorder, Scripted
from tests.providers.vendor_cases import MESSAGE, SECRET


def kannel(url: str, **changes: object) -> SmsProvider:
    table = {"type": "http", "preset": "kannel", "url": f"{url}/cgi-bin/sendsms"}
    return build({**table, "username": "user", "password": SECRET, "from": "Acme", **changes})


async def test_kannel(recorder: Recorder) -> None:
    recorder.default = Scripted(status=202, body=b"0: Accepted for delivery")
    provider = kannel(recorder.url, params={"dlr-mask": "31", "dlr-url": "https://x.example/r?id={id}&status=%d"})
    receipt = await provider.send(MESSAGE)
    await provider.stop()
    assert receipt.id == "ref-1"
    assert (recorder.last.method, recorder.last.path) == ("GET", "/cgi-bin/sendsms")
    assert recorder.last.query == {
        "username": ["user"],
        "password": [SECRET],
        "to": ["+15005550006"],
        "from": ["Acme"],
        "text": [MESSAGE.text],
        "charset": ["UTF-8"],
        "dlr-mask": ["31"],
        "dlr-url": ["https://x.example/r?id=ref-1&status=%d"],
    }


async def test_kannel_is_told_about_unicode(recorder: Recorder) -> None:
    recorder.default = Scripted(status=202, body=b"3: Queued for later delivery")
    provider = kannel(recorder.url)
    await provider.send(replace(MESSAGE, text="код 918273"))
    await provider.stop()
    assert recorder.last.query["coding"] == ["2"]
    assert recorder.last.query["text"] == ["код 918273"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, b"Authorization failed for sendsms", "misconfigured"),
        (503, b"Temporal failure, try again later.", "unavailable"),
        (202, b"something else", "rejected"),
        (400, b"Empty receiver number not allowed, rejected", "rejected"),
    ],
)
async def test_what_kannel_says(status: int, body: bytes, expected: str, recorder: Recorder) -> None:
    recorder.default = Scripted(status=status, body=body)
    provider = kannel(recorder.url)
    with pytest.raises(ProviderError) as caught:
        await provider.send(MESSAGE)
    await provider.stop()
    assert caught.value.code == expected


@pytest.mark.parametrize("text", ["Your code is 918273", "код 918273"])
async def test_jasmin(text: str, recorder: Recorder) -> None:
    recorder.default = Scripted(status=200, body=b'Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"')
    provider = kannel(recorder.url, preset="jasmin")
    receipt = await provider.send(replace(MESSAGE, text=text))
    await provider.stop()
    assert receipt.id == "07033084-5cfd-4812-90a4-e4d24ffb6e3d"
    query = recorder.last.query
    assert query["to"] == ["15005550006"]
    if text.isascii():
        assert query["content"] == [text]
    else:
        assert query["coding"] == ["8"]
        assert bytes.fromhex(query["hex-content"][0]).decode("utf-16-be") == text
        assert "content" not in query


async def test_jasmin_says_no(recorder: Recorder) -> None:
    recorder.default = Scripted(status=403, body=b'Error "Authentication failure for username:user"')
    provider = kannel(recorder.url, preset="jasmin")
    with pytest.raises(Misconfigured):
        await provider.send(MESSAGE)
    await provider.stop()


async def test_a_form_with_basic_authentication_and_an_address_of_its_own(recorder: Recorder) -> None:
    recorder.default = Scripted(status=200, body=b"id=77 ok")
    table = {
        "type": "http",
        "url": f"{recorder.url}/to/{{recipient}}?a=b",
        "form": {"m": "{text}"},
        "headers": {"X-Purpose": "{purpose}"},
        "basic": True,
        "username": "u",
        "password": "p",
        "id": r"id=(\d+)",
    }
    provider = build(table)
    receipt = await provider.send(replace(MESSAGE, text="a & b + {code}"))
    await provider.stop()
    assert receipt.id == "77"
    assert recorder.last.target == "/to/%2B15005550006?a=b"
    assert recorder.last.form() == {"m": ["a & b + {code}"]}
    assert recorder.last.headers["authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
    assert recorder.last.headers["x-purpose"] == "mfa"


async def test_json_keeps_its_types(recorder: Recorder) -> None:
    provider = build(
        {"type": "http", "url": recorder.url, "json": {"n": 1, "list": ["{digits}", True], "deep": {"t": '"{text}"'}}}
    )
    await provider.send(MESSAGE)
    await provider.stop()
    assert recorder.last.json() == {"n": 1, "list": ["15005550006", True], "deep": {"t": f'"{MESSAGE.text}"'}}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"form": {"a": "b"}, "json": {"a": "b"}}, "only one of"),
        ({"url": "https://x.example/{nobody}"}, "unknown placeholder {nobody}"),
        ({"success": "("}, "'success' is no regular expression"),
        ({"id": "no group"}, "'id' needs a group"),
        ({"headers": {"a": 1}}, "'headers' must be a table of texts"),
        ({"preset": "other"}, "'preset' must be one of 'kannel', 'jasmin'"),
    ],
)
def test_descriptions_that_cannot_be(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        build({"type": "http", "url": "https://x.example", **changes})
    assert any(problem in found for found in caught.value.problems)
