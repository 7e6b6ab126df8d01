"""Re-issued tokens that come back to the demo's authorization server, beside the server's own without hookpoint."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange
from hookpoint.proxy.config import Settings
from hookpoint.proxy.demo.authorization_server import Client, create_authorization_server
from hookpoint.proxy.middleware import HookpointMiddleware
from tests.partners.loopback import open_http
from tests.partners.resource_server import read_claims
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.product import Product, free_port, post_form, run_hookpoint
from tests.proxy.e2e.recorder import AUDIENCE, Recorder
from tests.proxy.e2e.recorder_stage import RecorderStage, run_recorder_stage
from tests.proxy.e2e.serving import serve_in_thread

CLIENT, API = ("m2m", "secret-of-m2m"), ("api", "secret-of-api")
TOKEN, INTROSPECTION, REVOCATION = "/oauth/token", "/oauth/introspect", "/oauth/revoke"
GRANT = {"grant_type": "client_credentials", "scope": "api:read api:write"}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CHANGED_BY_HOOKS = {PLAN, "scope"}
OF_EACH_TOKEN = {"jti", "iat", "exp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """hookpoint and the server behind it."""

    product: Product
    upstream: str

    async def post(self, path: str, auth: tuple[str, str] = CLIENT, **form: str) -> Any:
        """Post a form through hookpoint."""
        return await post_form(self.product.url + path, form, auth=auth)

    async def token(self) -> str:
        """A re-issued token."""
        return str((await post_form(self.product.url + TOKEN, GRANT, auth=CLIENT)).json()["access_token"])


@contextmanager
def run_stage(folder: Path, store: str) -> Iterator[Stage]:
    port = free_port()
    scopes = frozenset({"api:read", "api:write"})
    clients = [
        Client(client_id=CLIENT[0], secret=CLIENT[1], scopes=scopes, audiences=(AUDIENCE,)),
        Client(client_id=API[0], secret=API[1], may_introspect=True),
    ]
    issuer = f"http://127.0.0.1:{port}"
    server = create_authorization_server(issuer, clients=clients, signing_key=ECKey.generate_key("P-256"))
    with serve_in_thread(server) as upstream:
        text = f"""
        [upstream]
        url = "{upstream}"
        [clients.m2m]
        metadata = {{ plan = "gold" }}
        [store]
        url = "{store}"
        timeout = 0.5
        [[hooks]]
        run = "hooks.py"
        """
        with run_hookpoint(folder, text, hooks=HOOKS, port=port) as product:
            yield Stage(product=product, upstream=upstream)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, module_store_url: str) -> Iterator[Stage]:
    with run_stage(tmp_path_factory.mktemp("returning"), module_store_url) as stage:
        yield stage


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory, module_store_url: str) -> Iterator[RecorderStage]:
    with run_recorder_stage(tmp_path_factory.mktemp("recorder"), f'[store]\nurl = "{module_store_url}"\n') as stage:
        yield stage


STEPS: list[tuple[str, str, tuple[str, str], Mapping[str, str]]] = [
    ("the API asks", INTROSPECTION, API, {}),
    ("the API asks with a hint", INTROSPECTION, API, {"token_type_hint": "access_token"}),
    ("the client asks", INTROSPECTION, CLIENT, {}),
    ("somebody asks", INTROSPECTION, ("api", "wrong"), {}),
    ("a broken token", INTROSPECTION, API, {"token": "broken"}),
    ("no token", INTROSPECTION, API, {"token": ""}),
    ("somebody revokes", REVOCATION, ("m2m", "wrong"), {}),
    ("the wrong client revokes", REVOCATION, API, {}),
    ("it still lives", INTROSPECTION, API, {}),
    ("the client revokes", REVOCATION, CLIENT, {}),
    ("T18: it is dead", INTROSPECTION, API, {}),
    ("T18: also for somebody", INTROSPECTION, ("api", "wrong"), {}),
    ("the client revokes again", REVOCATION, CLIENT, {}),
    ("a broken token is revoked", REVOCATION, CLIENT, {"token": "broken"}),
]


async def test_T16_T18_tokens_fare_at_the_server_as_they_do_without_hookpoint(stage: Stage) -> None:
    answer = await post_form(stage.upstream + TOKEN, GRANT, auth=CLIENT)
    without, through = answer.json()["access_token"], await stage.token()
    differing = {}
    for step, path, auth, form in STEPS:
        pair = []
        for url, token in ((stage.upstream, without), (stage.product.url, through)):
            broken = token[:-8] + "AAAAAAAA"
            given = {"token": token, **form}
            given["token"] = broken if given["token"] == "broken" else given["token"]
            pair.append(_told(await post_form(url + path, given, auth=auth)))
        if pair[0] != pair[1]:
            differing[step] = pair
    assert differing == {}


def _told(answer: Any) -> tuple[int, object, str | None]:
    said: object = answer.text
    if answer.headers.get("content-type", "").startswith("application/json"):
        members = answer.json()
        said = {name: value for name, value in members.items() if name not in CHANGED_BY_HOOKS | OF_EACH_TOKEN}
    return answer.status_code, said, answer.headers.get("www-authenticate")


async def test_T18_introspection_says_what_the_token_says(stage: Stage) -> None:
    token = await stage.token()
    said = (await stage.post(INTROSPECTION, API, token=token)).json()
    claims = read_claims(token)
    assert said == {"active": True, "token_type": "Bearer", **claims}
    assert (said["scope"], said[PLAN]) == ("api:read", "gold")


async def test_a_caller_without_credentials_does_not_learn_that_a_token_is_dead(stage: Stage) -> None:
    token = await stage.token()
    assert (await stage.post(REVOCATION, token=token)).status_code == 200
    answer = await stage.post(INTROSPECTION, ("api", "wrong"), token=token)
    assert answer.status_code == 401
    assert "active" not in answer.text


async def test_a_revoked_token_is_refused_as_credentials_too(stage: Stage) -> None:
    token = await stage.token()
    async with open_http({"authorization": f"Bearer {token}"}) as http:
        assert (await http.get(f"{stage.product.url}/anything")).status_code == 404
        await stage.post(REVOCATION, token=token)
        answer = await http.get(f"{stage.product.url}/anything")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


@asynccontextmanager
async def open_database(store: str) -> AsyncIterator[Callable[[str], Awaitable[object]]]:
    """Get at a store beside hookpoint; gives what executes statements."""
    if store.startswith("sqlite"):
        with closing(sqlite3.connect(store.removeprefix("sqlite:///"), isolation_level=None)) as database:

            async def execute(statement: str) -> object:
                return database.execute(statement)

            yield execute
        return
    connection = await importlib.import_module("asyncpg").connect(store)
    try:
        yield connection.execute
    finally:
        await connection.close()


async def test_T17_revocation_and_introspection_while_the_store_is_down(tmp_path: Path, store_url: str) -> None:
    nobody_else_writes = (
        "BEGIN IMMEDIATE"
        if store_url.startswith("sqlite")
        else "BEGIN; LOCK TABLE vault_records, denied_tokens IN EXCLUSIVE MODE"
    )
    with run_stage(tmp_path / "down", store_url) as stage:
        token, another = await stage.token(), await stage.token()
        async with open_database(store_url) as execute:
            await execute(nobody_else_writes)
            answer = await stage.post(REVOCATION, token=token)
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
            assert answer.headers["retry-after"] == "1"
            await execute("ROLLBACK")
            assert (await stage.post(REVOCATION, token=token)).status_code == 200
            await execute("ALTER TABLE vault_records RENAME TO elsewhere")  # nobody may read
            for path in (REVOCATION, INTROSPECTION):
                assert (await stage.post(path, token=another)).status_code == 503
            async with open_http({"authorization": f"Bearer {another}"}) as http:
                assert (await http.get(f"{stage.product.url}/anything")).status_code == 503
                assert (
                    await http.get(f"{stage.product.url}/anything", headers={"authorization": "x"})
                ).status_code == 404
            await execute("ALTER TABLE elsewhere RENAME TO vault_records")
        assert (await stage.post(INTROSPECTION, token=another)).json()["active"] is True
        assert stage.product.events("own_tokens_unreadable")


async def test_a_copy_of_the_database_opens_no_token(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with run_stage(tmp_path / "copied", f"sqlite:///{file}") as stage:
        tokens = [await stage.token() for _ in range(5)]
        assert (await stage.post(REVOCATION, token=tokens[0])).status_code == 200
        hidden = "".join(stage.product.lines)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith(file.name))
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM vault_records").fetchone() == (5,)
    assert b"eyJ" not in content
    for token in tokens:
        claims = read_claims(token)
        for part in (*token.split("."), str(claims["jti"]), PLAN):
            assert part.encode() not in content
        assert token.split(".")[2] not in hidden


async def test_T29_T16_the_server_exchanges_the_original(recorder: RecorderStage) -> None:
    token = (await recorder.ask()).json()["access_token"]
    recorder.recorder.token_calls.clear()
    await recorder.ask(grant_type=EXCHANGE, subject_token=token, actor_token="opaque")
    body = recorder.recorder.token_calls[-1].body
    assert token.encode() not in body
    assert b"actor_token=opaque" in body
    sent = body.partition(b"subject_token=")[2].partition(b"&")[0].decode()
    assert read_claims(sent)["jti"] == read_claims(token)["jti"]


@pytest.mark.parametrize("module_store_url", ["sqlite"], indirect=True, scope="module")
async def test_T28_a_token_in_an_answer_that_passes_is_reported(recorder: RecorderStage) -> None:
    server = recorder.recorder
    server.documents["/users/jo%40example.com/sign-up"] = server.documents["/users/4711/sign-up"] = {
        "session": {"access_token": server.token()}
    }
    before = await recorder.product.metric("hookpoint_upstream_tokens_leaked_total")
    async with open_http() as http:
        answer = await http.get(f"{recorder.product.url}/users/4711/sign-up")
    assert answer.json() == server.documents["/users/4711/sign-up"]
    [report] = recorder.product.events("upstream_token_leaked")
    assert report["path"] == "/users/*/sign-up"
    assert "eyJ" not in str(report)
    assert await recorder.product.metric("hookpoint_upstream_tokens_leaked_total") == before + 1


async def test_a_token_of_ours_is_no_leak_and_settings_are_kept(tmp_path: Path) -> None:
    with run_recorder_stage(tmp_path, '[tokens]\nleak_detector = "off"\n') as stage:
        stage.recorder.documents["/sign-up"] = {"access_token": stage.recorder.token()}
        async with open_http() as http:
            assert (await http.get(f"{stage.product.url}/sign-up")).status_code == 200
        assert await stage.product.metric("hookpoint_upstream_tokens_leaked_total") == 0


FRONT = ["response_type=id_token+token", "response_type=Token", "x=1&response_type=code%20token"]


@pytest.mark.parametrize("query", FRONT)
async def test_T27_tokens_in_authorization_responses_are_blocked(tmp_path: Path, query: str) -> None:
    documents = {"/authorize": {"answered": "by the server"}, "/par": {"answered": "by the server"}}
    routes = 'routes = { authorization = ["/authorize"], pushed_authorization = ["/par"] }\n'
    with run_recorder_stage(tmp_path / "block", routes, documents=documents) as stage:
        async with open_http() as http:
            blocked = await http.get(f"{stage.product.url}/authorize?{query}")
            fine = await http.get(f"{stage.product.url}/authorize?response_type=code")
            form = {"content-type": "application/x-www-form-urlencoded"}
            pushed = await http.post(f"{stage.product.url}/par", content=query, headers=form)
        assert fine.json() == {"answered": "by the server"}
        for answer in (blocked, pushed):
            assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_response_type")
        assert stage.product.events("front_channel_token_blocked")


async def test_T27_the_front_channel_passes_where_the_setting_says_so(tmp_path: Path) -> None:
    documents = {"/authorize": {"answered": "by the server"}}
    more = 'routes = { authorization = ["/authorize"] }\n[tokens]\nfront_channel = "pass"\n'
    with run_recorder_stage(tmp_path, more, documents=documents) as stage:
        async with open_http() as http:
            answer = await http.get(f"{stage.product.url}/authorize?response_type=token")
        assert answer.json() == {"answered": "by the server"}


async def test_T27_a_token_that_comes_of_an_authorization_request_all_the_same_is_reported(tmp_path: Path) -> None:
    with run_recorder_stage(tmp_path, 'routes = { authorization = ["/authorize"] }\n') as stage:
        stage.recorder.documents["/authorize"] = {"access_token": stage.recorder.token()}
        async with open_http() as http:
            await http.get(f"{stage.product.url}/authorize?request_uri=https://app.example.test/request")
        assert stage.product.events("upstream_token_leaked")


@credentials_exchange
async def gold(event: CredentialsExchange) -> TokenChanges:
    return TokenChanges(claims={PLAN: "gold"})


def test_a_websocket_opens_with_the_original(tmp_path: Path) -> None:
    recorder = Recorder(issuer="http://testserver")

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await recorder.app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        shown = dict(scope["headers"])[b"authorization"].decode()
        await send({"type": "websocket.send", "text": shown})
        await send({"type": "websocket.close", "code": 1000, "reason": ""})

    settings = Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path / 'store.db'}"}})
    with TestClient(HookpointMiddleware(application, config=settings, hooks=[gold])) as client:
        answer = client.post(TOKEN, data=GRANT, auth=("m2m", "secret"))
        token = answer.json()["access_token"]
        assert read_claims(token)[PLAN] == "gold"
        with client.websocket_connect("/live", headers={"authorization": f"Bearer {token}"}) as socket:
            original = socket.receive_text().removeprefix("Bearer ")
        assert original != token
        assert PLAN not in read_claims(original)
        assert read_claims(original)["jti"] == read_claims(token)["jti"]
        with (
            pytest.raises(Exception) as refused,
            client.websocket_connect("/live", headers={"authorization": f"Bearer  {token}"}),
        ):
            pass
        assert getattr(refused.value, "status_code", 400) == 400
