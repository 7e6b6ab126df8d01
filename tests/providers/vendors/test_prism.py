"""Twilio's adapter against Prism, which holds every request against Twilio's own OpenAPI documents."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hookpoint.providers.errors import ProviderError
from tests.partners.node import find_node, node_modules
from tests.partners.requirement import PartnerMissingError, require
from tests.providers.vendor_cases import MESSAGE, VENDORS

PRISM = Path("@stoplight", "prism-cli", "dist", "index.js")
DOCUMENTS = Path("@twilio-alpha", "mcp", "twilio-oai", "spec", "json")


def modules() -> Path:
    """The folder with Prism and Twilio's documents."""
    try:
        return node_modules()
    except PartnerMissingError as missing:
        return require(None, str(missing))


@asynccontextmanager
async def prism(document: str) -> AsyncIterator[str]:
    folder = modules()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        str(find_node().executable),
        str(folder / PRISM),
        "mock",
        "--errors",
        "--host=127.0.0.1",
        f"--port={port}",
        str(folder / DOCUMENTS / document),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"listening" not in (line := await process.stdout.readline()):
                assert line, "Prism ended"
        reading = asyncio.create_task(process.stdout.read())
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_texts_and_calls_are_what_twilios_document_says() -> None:
    async with prism("twilio_api_v2010.json") as url:
        provider = VENDORS["twilio"].make(
            url, status_callback="https://x.example/r", validity=300, whatsapp_from="+15005550003"
        )
        for message in (
            MESSAGE,
            replace(MESSAGE, kind="voice", sender="+15005550001"),
            replace(MESSAGE, kind="whatsapp"),
        ):
            assert (await provider.send(message)).id
        await provider.stop()


async def test_verifications_are_what_twilios_document_says() -> None:
    async with prism("twilio_verify_v2.json") as url:
        provider = VENDORS["twilio_verify"].make(url, template_sid="HJ" + "0" * 32)
        assert (await provider.send(MESSAGE)).id
        bad = VENDORS["twilio_verify"].make(url, service_sid="not-a-sid")
        with pytest.raises(ProviderError):
            await bad.send(MESSAGE)
        await provider.stop()
        await bad.stop()
