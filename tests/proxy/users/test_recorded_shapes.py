"""Sign-up and change of password in the shapes of servers that do not run here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.proxy.users.scripted import Said
from tests.proxy.users.shapes import ENRICHED, ENTITLED, ID, NO_CHANGES, PASSWORD_CHANGES, SIGN_UPS, Shape
from tests.proxy.users.stage import PASSWORD, Stage, run_stage

ADMIN = {"headers": {"Authorization": "Bearer administrator"}}
StageOf = Callable[[str], Stage]


@pytest.fixture(scope="module")
def stage_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StageOf]:
    """hookpoint with a dialect, in front of a server that knows nothing yet."""
    stages: dict[str, Stage] = {}
    with ExitStack() as running:

        def start(dialect: str) -> Stage:
            if dialect not in stages:
                folder = tmp_path_factory.mktemp(dialect)
                stages[dialect] = running.enter_context(run_stage(folder, {}, dialect=dialect, admin=ADMIN))
            stages[dialect].server.answers.clear()
            return stages[dialect]

        yield start


def tell(stage: Stage, shape: Shape, said: Said) -> None:
    stage.server.answers.update(shape.calls)
    stage.server.answers[f"{shape.method} {shape.path}"] = said


async def ask(stage: Stage, shape: Shape, who: str = "jo") -> Any:
    return await stage.send(shape.method, shape.target, **shape.request(who))


sign_ups = pytest.mark.parametrize("shape", SIGN_UPS, ids=lambda shape: shape.name)
changes = pytest.mark.parametrize("shape", PASSWORD_CHANGES, ids=lambda shape: shape.name)


@sign_ups
async def test_a_user_signs_up_and_hooks_are_told(stage_of: StageOf, shape: Shape) -> None:
    stage = stage_of(shape.dialect)
    tell(stage, shape, shape.done)
    answer = await ask(stage, shape)
    assert (answer.status_code, answer.content) == (shape.done.status, shape.done.response().body)
    (before,) = stage.events("pre-user-registration")
    assert before["user"]["email"] == "jo@example.com"
    assert before["user"]["id"] == ""
    assert before["connection"]["name"] == shape.connection
    assert stage.events("password")[0]["password"] == PASSWORD
    after = await stage.delivered("post-user-registration")
    assert after["user"]["id"] == ID
    assert after["user"]["email"] == "jo@example.com"
    assert after["connection"]["name"] == shape.connection
    assert "password" not in after


@sign_ups
async def test_a_refusal_has_the_shape_of_the_server(stage_of: StageOf, shape: Shape) -> None:
    stage = stage_of(shape.dialect)
    tell(stage, shape, shape.done)
    answer = await ask(stage, shape, "deny")
    assert (answer.status_code, answer.json()) == shape.denied
    assert stage.server.calls == []


@sign_ups
@pytest.mark.parametrize("kind", ["enrich", "entitle"])
async def test_metadata_is_written_where_the_server_keeps_it(stage_of: StageOf, shape: Shape, kind: str) -> None:
    stage = stage_of(shape.dialect)
    tell(stage, shape, shape.done)
    answer = await ask(stage, shape, kind)
    assert answer.status_code == shape.done.status
    read = shape.enriched if kind == "enrich" else shape.entitled
    assert read is not None
    written = [call for call in stage.server.calls if call.target.partition("?")[0] == shape.path]
    later = [call for call in stage.server.calls if call not in written]
    found = []
    for call in (*written, *later):
        try:
            found.append(read(call.members))
        except (KeyError, TypeError, StopIteration):
            continue
    assert found[-1] == (ENRICHED if kind == "enrich" else ENTITLED)[shape.dialect]
    assert all(call.headers["authorization"] == "Bearer administrator" for call in later)


@sign_ups
async def test_hooks_are_not_told_of_a_user_who_was_not_created(stage_of: StageOf, shape: Shape) -> None:
    stage = stage_of(shape.dialect)
    assert shape.refused is not None
    tell(stage, shape, shape.refused)
    answer = await ask(stage, shape)
    assert (answer.status_code, answer.content) == (shape.refused.status, shape.refused.response().body)
    tell(stage, shape, shape.done)
    again = await ask(stage, shape)  # the one event that is delivered is of this one
    assert again.status_code == shape.done.status
    await stage.delivered("post-user-registration")


@changes
async def test_a_password_changes_and_hooks_are_told(stage_of: StageOf, shape: Shape) -> None:
    stage = stage_of(shape.dialect)
    if shape.refused is not None:
        tell(stage, shape, shape.refused)
        refused = await ask(stage, shape)
        assert (refused.status_code, refused.content) == (shape.refused.status, shape.refused.response().body)
    tell(stage, shape, shape.done)
    answer = await ask(stage, shape)
    assert (answer.status_code, answer.content) == (shape.done.status, shape.done.response().body)
    event = await stage.delivered("post-change-password")
    assert event["user"]["id"] == ID
    assert event["user"]["email"] == shape.email
    assert event["connection"]["name"] == shape.connection
    assert event["changed_at"]


@pytest.mark.parametrize(("dialect", "method", "target", "request_"), NO_CHANGES, ids=lambda value: str(value)[:40])
async def test_a_mail_that_is_asked_for_changes_no_password(
    stage_of: StageOf, dialect: str, method: str, target: str, request_: dict[str, Any]
) -> None:
    stage = stage_of(dialect)
    stage.server.answers[f"{method} {target}"] = Said(body={})
    answer = await stage.send(method, target, **request_)
    assert (answer.status_code, answer.json()) == (200, {})
    change = next(each for each in PASSWORD_CHANGES if each.dialect == dialect)
    tell(stage, change, change.done)
    await ask(stage, change)
    await stage.delivered("post-change-password")  # and only this one


KEYCLOAK_FORM = "/realms/acme/login-actions/registration"
SENT_ON = Said(status=302, headers={"location": "https://login.example.com/realms/acme/login-actions/required-action"})


async def register(stage: Stage, who: str) -> Any:
    form = {"email": f"{who}@example.com", "password": PASSWORD, "password-confirm": PASSWORD}
    return await stage.send("POST", f"{KEYCLOAK_FORM}?session_code=x&client_id=app&tab_id=t", data=form)


async def test_keycloaks_registration_form_is_refused_with_a_page(stage_of: StageOf) -> None:
    stage = stage_of("keycloak")
    stage.server.answers[f"POST {KEYCLOAK_FORM}"] = SENT_ON
    answer = await register(stage, "deny")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "You cannot sign up &lt;here&gt;." in answer.text
    assert stage.server.calls == []


async def test_keycloaks_registration_form_creates_a_user_only_when_it_sends_the_browser_on(stage_of: StageOf) -> None:
    stage = stage_of("keycloak")
    stage.server.answers[f"POST {KEYCLOAK_FORM}"] = Said(body="<p>Email already exists.</p>")
    assert (await register(stage, "jo")).status_code == 200
    stage.server.answers[f"POST {KEYCLOAK_FORM}"] = SENT_ON
    answer = await register(stage, "jo")  # the one event that is delivered is of this one
    assert (answer.status_code, answer.headers["location"]) == (302, SENT_ON.headers["location"])
    after = await stage.delivered("post-user-registration")
    assert (after["user"]["email"], after["connection"]["name"]) == ("jo@example.com", "acme")
    assert after["client"]["id"] == "app"


async def test_keycloaks_form_for_a_new_password_is_a_change_when_it_sends_the_browser_on(stage_of: StageOf) -> None:
    stage, path = stage_of("keycloak"), "/realms/acme/login-actions/required-action"
    form = {"password-new": PASSWORD, "password-confirm": PASSWORD}
    stage.server.answers[f"POST {path}"] = Said(body="<p>Password policy not met.</p>")
    assert (await stage.send("POST", f"{path}?client_id=app", data=form)).status_code == 200
    stage.server.answers[f"POST {path}"] = SENT_ON
    assert (await stage.send("POST", f"{path}?client_id=app", data=form)).status_code == 302
    event = await stage.delivered("post-change-password")
    assert event["connection"]["name"] == "acme"
