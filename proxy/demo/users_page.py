"""The second half of the story as text for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from hookpoint.proxy.demo.parts import scene, status, table_of
from hookpoint.proxy.demo.replies import Reply
from hookpoint.proxy.demo.stage import Stage
from hookpoint.proxy.demo.users_story import ANN, BOBS_PHONE, CONNECTION, OOB, PHONE, THROWAWAY, UsersStory

_COMMANDS = r"""INBOX={inbox}  # text messages and mails, for a browser
CONFIG={configuration}
HOOKPOINT={hookpoint}
DB={connection} PW=Correct-horse-7
GRANT={grant}
USERS=$ISSUER/dbconnections
curl -sw '\n' $USERS/signup -d connection=$DB -d password=$PW -d email=bob@mailinator.com
curl -sw '\n' $USERS/signup -d connection=$DB -d password=$PW -d email=bob@example.com
curl -sw '\n' $USERS/change_password -d connection=$DB -d email=bob@example.com
curl -s $INBOX/link
MFA=$(curl -s $ISSUER/oauth/token -u app:demo -d grant_type=password \
  -d username=bob@example.com -d password=$PW | sed 's/.*"mfa_token": *"//; s/".*//')
OOB=$(curl -s $ISSUER/mfa/associate -H "Authorization: Bearer $MFA" \
  -H "Content-Type: application/json" \
  -d '{{"authenticator_types":["oob"], "oob_channels":["sms"], "phone_number":"{phone}"}}' |
  sed 's/.*"oob_code": *"//; s/".*//')
curl -sw '\n' $ISSUER/oauth/token -u app:demo -d grant_type=$GRANT -d mfa_token=$MFA \
  -d oob_code=$OOB -d binding_code=$($HOOKPOINT sms inbox --code -c $CONFIG)
"""


def user_scenes(story: UsersStory) -> Iterator[RenderableType]:
    """What happened, scene by scene."""
    metadata = ", ".join(f"{name}={value}" for name, value in story.accepted.body.get("user_metadata", {}).items())
    yield scene(
        "5  Two people sign up",
        _steps(
            (THROWAWAY, story.refused, str(story.refused.body.get("friendly_message", ""))),
            (ANN, story.accepted, f"{metadata}, which a hook has added" if metadata else ""),
        ),
        _noted(story.welcomed),
    )
    yield scene(
        "6  A password changes",
        _steps(
            ("asks for a mail", story.mail_asked, "nothing has changed yet, and no hook is told"),
            ("follows its link", story.reset, "the password is another one"),
        ),
        _noted(story.warned),
    )
    yield scene(
        "7  A login with a second factor by SMS",
        _steps(
            ("password", story.login, "the OAuth server wants more than that"),
            (f"phone {PHONE}", story.enrolled, f"in the inbox: {story.text}"),
            ("the code", story.token, "a token"),
        ),
    )


def user_commands(stage: Stage) -> list[str]:
    """Shell commands for what the scenes show, with another user and phone; no line is longer than the page is wide."""
    hookpoint = Path(sys.executable).with_name("hookpoint")
    script = _COMMANDS.format(
        inbox=stage.inbox_url,
        configuration=stage.configuration,
        hookpoint=hookpoint,
        connection=CONNECTION,
        grant=OOB,
        phone=BOBS_PHONE,
    )
    return script.splitlines()


def _steps(*rows: tuple[str, Reply, str]) -> RenderableType:
    table = table_of("", "", "")
    for step, reply, remark in rows:
        table.add_row(step, status(reply), Text(remark, "dim"))
    return table


def _noted(line: str) -> RenderableType:
    return Text.assemble(("afterwards, a hook notes: ", "dim"), line)
