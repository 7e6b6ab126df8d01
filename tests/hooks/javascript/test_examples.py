"""The scripts of examples/auth0."""

from __future__ import annotations

from pathlib import Path

from hookpoint.hooks import Client, User, UserChanges
from hookpoint.hooks.javascript import Executables, JavaScript, Script
from tests.hooks.javascript.scripts import any_node, trial

EXAMPLES = Path(__file__).parents[3] / "examples" / "auth0"


async def test_the_hook_adds_a_plan_and_refuses_who_is_suspended() -> None:
    script = Script(path=EXAMPLES / "add-plan.js", trigger="credentials-exchange")
    hooks = JavaScript(executables=Executables(node=any_node())).load(script)
    assert (await trial(hooks)).claims["https://example.com/plan"] == "gold"
    refused = await trial(hooks, client=Client(id="a", metadata={"suspended": "yes"}))
    assert refused.denial is not None
    assert (refused.denial.code, refused.denial.reason) == ("invalid_request", "This client is suspended.")


async def test_the_action_refuses_a_domain_and_notes_the_language() -> None:
    found = JavaScript(executables=Executables(node=any_node())).load(Script(path=EXAMPLES / "welcome.js"))
    hooks = [hook.overridden(secrets={"DENIED": "example.org"}) for hook in found]
    assert (await trial(hooks)).changes == UserChanges(user_metadata={"language": "en"})
    refused = await trial(hooks, user=User(email="jo@example.org"))
    assert refused.denial is not None
    assert refused.denial.user_message == "You cannot sign up with this address."
