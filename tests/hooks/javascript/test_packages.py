"""Scripts with the packages that people used most, installed at locked versions."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hookpoint.hooks import Delivered
from tests.hooks.javascript.scripts import load, trial
from tests.partners.node import NODE_FOLDER, require_node

SOURCE = """
const axios = require('axios');
const jwt = require('jsonwebtoken@8.5.1');
const twilio = require('twilio');

module.exports = async function (recipient, text, context, cb) {
  const { API_URL, KEY, TWILIO_TOKEN } = context.webtask.secrets;
  const client = twilio('AC' + '0'.repeat(32), TWILIO_TOKEN);
  const signature = twilio.getExpectedTwilioSignature ? twilio.getExpectedTwilioSignature(TWILIO_TOKEN, 'https://a.example', {}) : '';
  const token = jwt.sign({ sub: recipient }, KEY, { algorithm: 'HS256', expiresIn: 60 });
  try {
    const answer = await axios.post(API_URL, { text }, { headers: { authorization: 'Bearer ' + token } });
    cb(null, { MessageID: [answer.data.id, jwt.verify(token, KEY).sub, typeof client.messages.create, signature.length].join(' ') });
  } catch (error) {
    cb(error);
  }
};
"""


class Vendor(BaseHTTPRequestHandler):
    """A vendor's API."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"id": "SM1"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def vendor() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Vendor) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


async def test_twilio_axios_and_an_old_jsonwebtoken(tmp_path: Path, vendor: str) -> None:
    node = require_node()
    (tmp_path / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    hooks = load(
        tmp_path,
        SOURCE,
        "send-phone-message",
        executable=str(node.executable),
        secrets={"API_URL": vendor, "KEY": "a key of the vendor", "TWILIO_TOKEN": "0" * 32},
        dependencies={"axios": "1.21.1", "jsonwebtoken": "8.5.1", "twilio": "^6"},
    )
    came = await trial(hooks)
    assert came.changes == Delivered(message_id="SM1 +15005550006 function 28"), came
