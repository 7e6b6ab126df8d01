"""SNS against moto's server: an implementation of AWS that others wrote, with the sent text read back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from hookpoint.providers.errors import Rejected
from hookpoint.providers.loading import build
from tests.partners.requirement import require_module
from tests.providers.vendor_cases import MESSAGE, SECRET


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server, serving = require_module("moto.server"), require_module("werkzeug.serving")
    app = server.DomainDispatcherApplication(server.create_backend_app)
    running = serving.make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def table(url: str) -> dict[str, object]:
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}
    return {"type": "aws_sns", "region": "eu-central-1", "endpoint_url": url, **keys}


async def test_the_text_arrives(moto: str) -> None:
    provider = build(table(moto))
    receipt = await provider.send(replace(MESSAGE, text="Ihr Code: 918273, gültig 10 Minuten"))
    await provider.stop()
    async with httpx2.AsyncClient() as client:
        data = (await client.get(f"{moto}/moto-api/data.json")).json()
    (sent,) = data["sns"]["SMS"]
    assert sent == {
        "message_id": receipt.id,
        "phone_number": MESSAGE.recipient,
        "message": "Ihr Code: 918273, gültig 10 Minuten",
    }


async def test_a_number_that_is_none_is_rejected(moto: str) -> None:
    provider = build(table(moto))
    with pytest.raises(Rejected) as caught:
        await provider.send(replace(MESSAGE, recipient="not-a-number"))
    await provider.stop()
    assert caught.value.provider_code == "InvalidParameter"
