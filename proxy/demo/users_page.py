"""The second half of the story as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from hookpoint.proxy.demo.parts import scene, status, table_of
from hookpoint.proxy.demo.replies import Reply
from hookpoint.proxy.demo.stage import Stage
from hookpoint.proxy.demo.users_story import ANN, CONNECTION, OOB, PHONE, THROWAWAY, UsersStory


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
    """Shell commands for what the scenes show, with another user."""
    post = "curl -s $ISSUER"
    user = f"-d connection={CONNECTION} -d email=bob@"
    token = f"{post}/oauth/token -u app:demo"
    return [
        f"INBOX={stage.inbox_url} CONFIG={stage.configuration}   # look at the inbox in a browser",
        f"{post}/dbconnections/signup -d password=Correct-horse-7 {user}mailinator.com",
        f"{post}/dbconnections/signup -d password=Correct-horse-7 {user}example.com",
        f"{post}/dbconnections/change_password {user}example.com; curl -s $INBOX/link",
        f"MFA=$({token} -d grant_type=password -d username=bob@example.com -d password=Correct-horse-7 |",
        """  sed 's/.*"mfa_token": *"//; s/".*//')""",
        f"""OOB=$({post}/mfa/associate -H "Authorization: Bearer $MFA" --json \\""",
        f"""  '{{"authenticator_types": ["oob"], "oob_channels": ["sms"], "phone_number": "{PHONE}"}}' |""",
        """  sed 's/.*"oob_code": *"//; s/".*//')""",
        f"{token} -d grant_type={OOB} -d mfa_token=$MFA \\",
        "  -d oob_code=$OOB -d binding_code=$(hookpoint sms inbox --code -c $CONFIG)",
    ]


def _steps(*rows: tuple[str, Reply, str]) -> RenderableType:
    table = table_of("", "", "")
    for step, reply, remark in rows:
        table.add_row(step, status(reply), Text(remark, "dim"))
    return table


def _noted(line: str) -> RenderableType:
    return Text.assemble(("afterwards, a hook notes: ", "dim"), line)
