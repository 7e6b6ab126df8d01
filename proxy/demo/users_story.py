"""The second half of the story: somebody signs up, changes a password, and logs in with a code from a text message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2

from hookpoint.proxy.demo.replies import Check, Reply, reply
from hookpoint.proxy.demo.stage import APP, Stage

CONNECTION = "Username-Password-Authentication"
OOB = "http://auth0.com/oauth/grant-type/mfa-oob"
ANN, THROWAWAY = "ann@example.com", "ann@mailinator.com"
PHONE, BOBS_PHONE = "+491711234567", "+491721234567"
_PASSWORD, _OTHER_PASSWORD = "Correct-horse-7", "Other-horse-8!"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersStory:
    """All that happened, in its order; `welcomed` and `warned` are what hooks have noted, `text` is the message that came."""

    refused: Reply
    accepted: Reply
    welcomed: str
    mail_asked: Reply
    reset: Reply
    warned: str
    warnings: int
    login: Reply
    enrolled: Reply
    text: str
    token: Reply


async def play_users(http: httpx2.AsyncClient, stage: Stage, *, patience: float) -> UsersStory:
    """Makes the requests of this half."""
    refused = await _sign_up(http, stage, THROWAWAY)
    accepted = await _sign_up(http, stage, ANN)
    welcomed = await stage.inbox.journal.line_about(f"{ANN} has signed up", within=patience)
    mail_asked = reply(await http.post(f"{stage.public_url}/dbconnections/change_password", json=_named(email=ANN)))
    reset = await _reset(http, stage)
    warned = await stage.inbox.journal.line_about(f"{ANN} has another password", within=patience)
    login = await _token(http, stage, grant_type="password", username=ANN, password=_OTHER_PASSWORD)
    mfa_token = str(login.body.get("mfa_token", "none"))
    enrolled = await _enroll(http, stage, mfa_token)
    arrived = stage.inbox.newest_text()
    token = await _token(
        http,
        stage,
        grant_type=OOB,
        mfa_token=mfa_token,
        oob_code=str(enrolled.body.get("oob_code", "none")),
        binding_code=stage.inbox.newest_code() or "none",
    )
    return UsersStory(
        refused=refused,
        accepted=accepted,
        welcomed=welcomed,
        mail_asked=mail_asked,
        reset=reset,
        warned=warned,
        warnings=sum("password" in line for line in stage.inbox.journal.lines()),
        login=login,
        enrolled=enrolled,
        text=arrived.text if arrived else "",
        token=token,
    )


def check_users(story: UsersStory) -> Iterator[Check]:
    """What this half claims, in its order."""
    yield Check(
        claim="a hook refuses to sign a throw-away address up, in the words of Auth0",
        holds=story.refused.status == 400 and story.refused.body.get("code") == "extensibility_error",
        seen=str(story.refused),
    )
    metadata = story.accepted.body.get("user_metadata")
    yield Check(
        claim="a hook starts a trial for who signs up",
        holds=story.accepted.status == 200 and metadata == {"plan": "trial"},
        seen=f"{story.accepted}, user_metadata {metadata}",
    )
    yield Check(
        claim="a hook hears of the new user, after the answer",
        holds=bool(story.welcomed),
        seen=story.welcomed or "nothing",
    )
    yield Check(
        claim="a hook hears of the changed password, and not of the mail that was asked for",
        holds=story.mail_asked.status == story.reset.status == 200 and bool(story.warned) and story.warnings == 1,
        seen=f"mail {story.mail_asked}, change {story.reset}, {story.warnings} events",
    )
    yield Check(
        claim="the OAuth server's code comes by hookpoint's SMS gateway, in a hook's words",
        holds=story.login.body.get("error") == "mfa_required"
        and story.enrolled.status == 200
        and story.text.endswith("is your code for the Example Shop."),
        seen=f"{story.login}, then {story.enrolled}, {'a text message' if story.text else 'no text message'}",
    )
    yield Check(
        claim="with the code there is a token",
        holds=story.token.status == 200 and "access_token" in story.token.body,
        seen=str(story.token),
    )


async def _sign_up(http: httpx2.AsyncClient, stage: Stage, email: str) -> Reply:
    members = _named(email=email, password=_PASSWORD)
    return reply(await http.post(f"{stage.public_url}/dbconnections/signup", json=members))


async def _reset(http: httpx2.AsyncClient, stage: Stage) -> Reply:
    """Follow the link of the mail, and fill in the form that is behind it."""
    link = httpx2.URL(stage.inbox.newest_link() or stage.public_url)
    form = {
        "ticket": link.params.get("ticket", "none"),
        "email": ANN,
        "newPassword": _OTHER_PASSWORD,
        "confirmNewPassword": _OTHER_PASSWORD,
    }
    return reply(await http.post(link.copy_with(query=None), data=form))


async def _enroll(http: httpx2.AsyncClient, stage: Stage, mfa_token: str) -> Reply:
    members = {"authenticator_types": ["oob"], "oob_channels": ["sms"], "phone_number": PHONE}
    headers = {"Authorization": f"Bearer {mfa_token}"}
    return reply(await http.post(f"{stage.public_url}/mfa/associate", json=members, headers=headers))


async def _token(http: httpx2.AsyncClient, stage: Stage, **form: str) -> Reply:
    return reply(await http.post(f"{stage.public_url}/oauth/token", auth=APP, data=form))


def _named(**members: str) -> dict[str, str]:
    return {"client_id": APP[0], "connection": CONNECTION, **members}
