"""Sign-up at Auth0's `/dbconnections/signup`, as JSON and as a form."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proxy.users.scripted import Said
from tests.proxy.users.stage import PASSWORD, Stage, run_stage

PATH = "/dbconnections/signup"
CREATED = {"_id": "58457fe6b27", "email_verified": False, "email": "jo@example.com"}
EXISTS = {
    "name": "BadRequestError",
    "code": "user_exists",
    "description": "The user already exists.",
    "statusCode": 400,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    answers = {f"POST {PATH}": Said(body=CREATED), f"GET {PATH}": Said(status=405)}
    with run_stage(tmp_path_factory.mktemp("auth0"), answers, dialect="auth0") as running:
        yield running


def sign_up(email: str, **more: object) -> dict[str, object]:
    return {"client_id": "app", "connection": "users", "email": email, "password": PASSWORD} | more


async def test_a_hook_is_told_who_signs_up(stage: Stage) -> None:
    metadata = {"color": "red", "n": 1}
    answer = await stage.send("POST", PATH, json=sign_up("jo@example.com", user_metadata=metadata, name="Jo"))
    assert (answer.status_code, answer.json()) == (200, CREATED)
    event = stage.events("pre-user-registration")[0]
    assert event["user"]["email"] == "jo@example.com"
    assert event["user"]["name"] == "Jo"
    assert event["user"]["id"] == ""
    assert event["user"]["user_metadata"] == metadata
    assert event["connection"]["name"] == "users"
    assert event["client"]["id"] == "app"
    assert event["request"]["ip"] == "127.0.0.1"


async def test_the_password_is_for_hooks_that_ask_for_it(stage: Stage) -> None:
    await stage.send("POST", PATH, json=sign_up("jo@example.com"))
    assert stage.events("password")[0]["password"] == PASSWORD
    assert stage.events("pre-user-registration")[0]["password"] is None


async def test_an_unchanged_sign_up_goes_on_to_the_letter(stage: Stage) -> None:
    body = b'{ "email" : "jo@example.com",\n "password":"\\u0070w" , "given_name":"J\\u00f6"}'
    await stage.send("POST", PATH, content=body, headers={"content-type": "application/json"})
    assert [call.body for call in stage.server.calls] == [body]


async def test_metadata_is_merged_into_the_body_and_other_bytes_stay(stage: Stage) -> None:
    body = b'{ "email":"enrich@example.com", "user_metadata": {"plan":"free","color":"red"} ,"x":1.0}'
    await stage.send("POST", PATH, content=body, headers={"content-type": "application/json"})
    assert stage.server.calls[0].body == (
        b'{ "email":"enrich@example.com", "user_metadata": {"plan":"gold","color":"red","limits":{"seats":3}} ,"x":1.0}'
    )


async def test_metadata_is_merged_into_a_form(stage: Stage) -> None:
    form = b"email=enrich%40example.com&user_metadata%5Bplan%5D=free&user_metadata[color]=red&password=a+b"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    await stage.send("POST", PATH, content=form, headers=headers)
    assert stage.events("pre-user-registration")[0]["user"]["user_metadata"] == {"plan": "free", "color": "red"}
    assert stage.events("password")[0]["password"] == "a b"
    assert stage.server.calls[0].body == (
        b"email=enrich%40example.com&user_metadata%5Bplan%5D=gold&user_metadata[color]=red&password=a+b"
        b"&user_metadata%5Blimits%5D=%7B%22seats%22%3A3%7D"
    )


async def test_a_refusal_has_auth0s_shape_and_both_texts(stage: Stage) -> None:
    answer = await stage.send("POST", PATH, json=sign_up("deny@example.com"))
    assert answer.status_code == 400
    assert answer.json() == {
        "name": "InternalExtensibilityError",
        "statusCode": 400,
        "code": "extensibility_error",
        "message": "The domain is on the list.",
        "friendly_message": "You cannot sign up <here>.",
        "description": "The domain is on the list.",
        "fromSandbox": True,
    }
    assert answer.headers["cache-control"] == "no-store"
    assert stage.server.calls == []


async def test_a_hook_that_fails_lets_nobody_in_and_says_nothing_of_the_inside(stage: Stage) -> None:
    answer = await stage.send("POST", PATH, json=sign_up("crash@example.com"))
    assert answer.status_code == 500
    members = answer.json()
    assert members == {
        "name": "Error",
        "statusCode": 500,
        "code": "server_error",
        "description": "A hook failed; nobody was signed up.",
    }
    assert stage.server.calls == []


async def test_what_the_server_refuses_passes_as_it_is(stage: Stage) -> None:
    stage.server.answers[f"POST {PATH}"] = Said(status=400, body=EXISTS)
    try:
        answer = await stage.send("POST", PATH, json=sign_up("jo@example.com"))
    finally:
        stage.server.answers[f"POST {PATH}"] = Said(body=CREATED)
    assert (answer.status_code, answer.json()) == (400, EXISTS)


async def test_app_metadata_that_cannot_be_written_stops_the_sign_up(stage: Stage) -> None:
    answer = await stage.send("POST", PATH, json=sign_up("entitle@example.com"))
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert stage.server.calls == []


async def test_other_methods_pass(stage: Stage) -> None:
    answer = await stage.send("GET", PATH)
    assert answer.status_code == 405
    assert [call.method for call in stage.server.calls] == ["GET"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"email":"jo@example.com","Email":"deny@example.com"}'),
        ("application/json", b'{"email":"jo@example.com","email":"deny@example.com"}'),
        ("application/json", b'{"email":"jo@example.com","e\\u00admail":"deny@example.com"}'),
        ("application/json", b'{"email":["deny@example.com"]}'),
        ("application/json", b'[{"email":"deny@example.com"}]'),
        ("application/json", b'\xef\xbb\xbf{"email":"deny@example.com"}'),
        ("application/json", b'{"email":"deny@example.com","_method":"PUT"}'),
        ("application/json; charset=utf-16", '{"email":"deny@example.com"}'.encode("utf-16")),
        ("text/plain", b'{"email":"deny@example.com"}'),
        ("application/x-www-form-urlencoded", b"email=jo%40example.com&email=deny%40example.com"),
        ("application/x-www-form-urlencoded", b"email[]=deny%40example.com"),
        ("application/x-www-form-urlencoded", b"a=b;email=deny%40example.com"),
        ("application/x-www-form-urlencoded", b"user_metadata=%7B%22plan%22%3A1%7D&email=jo%40example.com"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="email"\r\n\r\ndeny\r\n--x--',
        ),
    ],
)
async def test_F_what_could_be_read_in_two_ways_is_refused(stage: Stage, content_type: str, body: bytes) -> None:
    answer = await stage.send("POST", PATH, content=body, headers={"content-type": content_type})
    assert 400 <= answer.status_code < 500
    assert answer.json().keys() == {"name", "statusCode", "code", "description"}
    assert stage.server.calls == []


@pytest.mark.parametrize("query", ["email=deny@example.com", "user_metadata[plan]=x", "_method=PUT"])
async def test_F_what_belongs_into_the_body_is_refused_in_the_query(stage: Stage, query: str) -> None:
    answer = await stage.send("POST", f"{PATH}?{query}", json=sign_up("jo@example.com"))
    assert answer.status_code == 400
    assert stage.server.calls == []


@pytest.mark.parametrize("name", ["x-http-method-override", "x_method_override"])
async def test_F_another_method_cannot_be_made_into_a_sign_up(stage: Stage, name: str) -> None:
    answer = await stage.send("PUT", PATH, json=sign_up("deny@example.com"), headers={name: "POST"})
    assert answer.status_code == 400
    assert stage.server.calls == []
