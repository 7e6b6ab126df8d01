"""What clients and resource servers read about the server: its metadata and its keys, kept or rewritten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.partners.loopback import open_http
from tests.partners.resource_server import TokenRefusedError, read_claims, read_header, resource_server_verify
from tests.proxy.e2e.hooks import HOOKS, PLAN
from tests.proxy.e2e.product import free_port, post_form
from tests.proxy.e2e.recorder import AUDIENCE, JWKS, METADATA, Recorder, signing_key
from tests.proxy.e2e.serving import run_proxy, serve_in_thread

INSERTED = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource"
ELSEWHERE = "https://mail.example.test/reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """hookpoint at `url`, the recorder behind it at `upstream`."""

    url: str
    upstream: str
    recorder: Recorder

    async def token(self, **parameters: str) -> Any:
        """Get a token."""
        form = {"grant_type": "client_credentials", "scope": "api:read"} | parameters
        answer = await post_form(f"{self.url}/oauth/token", form, auth=("m2m", "secret"))
        assert answer.status_code == 200
        return answer.json()

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Get a document."""
        async with open_http(headers) as http:
            return await http.get(self.url + path)


@pytest.fixture(scope="module")
def hooks_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("discovery") / "hooks.py"
    path.write_text(HOOKS)
    return str(path)


@pytest.fixture(scope="module")
def keeping(hooks_file: str) -> Iterator[Front]:
    port = free_port()
    recorder = Recorder(issuer=f"http://127.0.0.1:{port}")
    document = json.dumps({**recorder.metadata(), "x_big": 0}, indent=3).replace(": 0", ": 9223372036854775807.10")
    recorder.documents[METADATA] = document.encode()
    with serve_in_thread(recorder.app) as upstream:
        values = {"upstream": {"url": upstream}, "hooks": [{"run": hooks_file}]}
        with run_proxy(values, port=port) as url:
            yield Front(url=url, upstream=upstream, recorder=recorder)


async def test_T26_metadata_that_is_kept_is_kept_byte_for_byte(keeping: Front) -> None:
    through = await keeping.get(METADATA)
    async with open_http() as http:
        direct = await http.get(keeping.upstream + METADATA)
    assert through.content == direct.content
    assert b": 9223372036854775807.10" in through.content
    assert through.headers["content-type"] == direct.headers["content-type"]


async def test_T25_merged_keys_hold_the_servers_own(keeping: Front) -> None:
    members = await keeping.token()
    keys = (await keeping.get(JWKS)).json()["keys"]
    assert {"recorder-1", read_header(members["access_token"])["kid"]} <= {key["kid"] for key in keys}


@pytest.mark.parametrize("allowed", [True, False])
async def test_T26_keys_elsewhere_are_read_where_the_configuration_allows_it(hooks_file: str, allowed: bool) -> None:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    keys = Recorder(issuer="http://127.0.0.1:9")
    recorder = Recorder(issuer=issuer, key=keys.key)
    with serve_in_thread(keys.app) as elsewhere, serve_in_thread(recorder.app) as upstream:
        recorder.documents[METADATA]["jwks_uri"] = elsewhere + JWKS
        recorder.documents[JWKS] = {"keys": []}
        configured = {"url": upstream, "jwks_uri": elsewhere + JWKS} if allowed else {"url": upstream}
        with run_proxy({"upstream": configured, "hooks": [{"run": hooks_file}]}, port=port) as url:
            front = Front(url=url, upstream=upstream, recorder=recorder)
            document = (await front.get(METADATA)).json()
            if allowed:
                verified = await resource_server_verify((await front.token())["access_token"], url, AUDIENCE)
                assert verified.claims[PLAN] == "none"
                assert document == {**recorder.documents[METADATA], "jwks_uri": url + JWKS}
            else:
                answer = await post_form(f"{url}/oauth/token", {"grant_type": "client_credentials"})
                assert answer.status_code == 503
                assert answer.json()["error"] == "temporarily_unavailable"


@pytest.fixture(scope="module", params=["", "/tenant"], ids=["at-the-root", "below-a-path"])
def rewriting(request: pytest.FixtureRequest, hooks_file: str) -> Iterator[Front]:
    """A server that insists on its own address as the issuer."""
    upstream_port, port = free_port(), free_port()
    path: str = request.param
    own = f"http://127.0.0.1:{upstream_port}"
    recorder = Recorder(issuer=own + path)
    document = {
        **recorder.metadata(),
        "token_endpoint": f"{own}/oauth/token",
        "jwks_uri": own + JWKS,
        "introspection_endpoint": f"{own}/oauth/introspect",
        "userinfo_endpoint": f"{own.upper().replace('HTTP', 'http')}/me",
        "registration_endpoint": "https://elsewhere.example.test/register",
        "service_documentation": f"{own}/docs",
        "mtls_endpoint_aliases": {"token_endpoint": f"{own}/mtls/token", "x_other": f"{own}/x"},
        "signed_metadata": "eyJhbGciOiJub25lIn0.e30.",
        "x_number": 9223372036854775807,
    }
    recorder.documents.update(
        {
            f"{path}{METADATA}": document,
            f"{INSERTED}{path}": document,
            RESOURCE: {"resource": f"{own}/api", "authorization_servers": [own + path, ELSEWHERE]},
        }
    )
    with serve_in_thread(recorder.app, port=upstream_port) as upstream:
        values = {
            "server": {"public_url": f"http://127.0.0.1:{port}"},
            "upstream": {"url": upstream, "issuer": own + path},
            "tokens": {"issuer": "rewrite"},
            "hooks": [{"run": hooks_file}],
        }
        with run_proxy(values, port=port) as url:
            yield Front(url=url, upstream=upstream, recorder=recorder)


def public_issuer(front: Front) -> str:
    return front.recorder.issuer.replace(front.upstream, front.url)


async def test_T26_a_rewritten_issuer_verifies_by_its_own_discovery(rewriting: Front) -> None:
    members = await rewriting.token()
    issuer = public_issuer(rewriting)
    verified = await resource_server_verify(members["access_token"], issuer, AUDIENCE)
    assert verified.claims["iss"] == issuer
    assert verified.claims[PLAN] == "none"


@pytest.mark.parametrize("form", ["appended", "inserted"])
async def test_T26_rewritten_metadata_names_the_public_address(rewriting: Front, form: str) -> None:
    url, own, issuer = rewriting.url, rewriting.upstream, public_issuer(rewriting)
    path = issuer.removeprefix(url)
    document = (await rewriting.get(f"{path}{METADATA}" if form == "appended" else f"{INSERTED}{path}")).json()
    assert document["issuer"] == issuer
    assert document["token_endpoint"] == f"{url}/oauth/token"
    assert document["jwks_uri"] == url + JWKS
    assert document["introspection_endpoint"] == f"{url}/oauth/introspect"
    assert document["userinfo_endpoint"] == f"{url}/me"
    assert document["registration_endpoint"] == "https://elsewhere.example.test/register"
    assert document["service_documentation"] == f"{own}/docs"
    assert document["mtls_endpoint_aliases"] == {"token_endpoint": f"{url}/mtls/token", "x_other": f"{own}/x"}
    assert document["x_number"] == 9223372036854775807
    assert "signed_metadata" not in document


async def test_T26_metadata_of_the_protected_resource_follows(rewriting: Front) -> None:
    document = (await rewriting.get(RESOURCE)).json()
    assert document == {
        "resource": f"{rewriting.url}/api",
        "authorization_servers": [public_issuer(rewriting), ELSEWHERE],
    }


async def test_T26_rewritten_metadata_has_no_marks_of_the_servers_bytes(rewriting: Front) -> None:
    path = public_issuer(rewriting).removeprefix(rewriting.url) + METADATA
    answer = await rewriting.get(path, **{"if-none-match": "*", "range": "bytes=0-9"})
    assert answer.status_code == 200
    assert "etag" not in answer.headers
    async with open_http() as http:
        head = await http.head(rewriting.url + path)
    assert head.headers["content-length"] == str(len(answer.content))
    assert (await rewriting.get("/.well-known/nothing")).status_code == 404


async def test_rewriting_signs_a_token_again_that_no_hook_changed(rewriting: Front) -> None:
    claims = read_claims((await rewriting.token())["access_token"])
    assert claims["iss"] == public_issuer(rewriting)
    assert rewriting.upstream not in json.dumps(claims)


@pytest.mark.parametrize("hooked", [True, False])
async def test_exclusive_keys_verify_every_token_and_not_the_servers_own(hooks_file: str, hooked: bool) -> None:
    port = free_port()
    recorder = Recorder(issuer=f"http://127.0.0.1:{port}", key=signing_key("exclusive-1"))
    hook = {"run": hooks_file, "when": {"client_id": ["another"]}}
    with serve_in_thread(recorder.app) as upstream:
        values = {
            "upstream": {"url": upstream},
            "tokens": {"jwks": "exclusive"},
            "hooks": [hook] if hooked else [],
        }
        with run_proxy(values, port=port) as url:
            front = Front(url=url, upstream=upstream, recorder=recorder)
            members = await front.token()
            verified = await resource_server_verify(members["access_token"], url, AUDIENCE)
            assert PLAN not in verified.claims
            assert members["scope"] == verified.claims["scope"] == "api:read"
            kids = {key["kid"] for key in (await front.get(JWKS)).json()["keys"]}
            assert "exclusive-1" not in kids
            with pytest.raises(TokenRefusedError):
                await resource_server_verify(recorder.token(), url, AUDIENCE)
