"""What the demo shows: requests with and without hooks, and whether they went as they should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from hookpoint.proxy.demo.hooks import PLAN
from hookpoint.proxy.demo.replies import Check, Reply, reply
from hookpoint.proxy.demo.stage import DORMANT, REPORTING, Stage
from hookpoint.proxy.demo.users_story import UsersStory, check_users, play_users

TOKEN_REQUEST = {"grant_type": "client_credentials"}
OWN_CLAIMS = frozenset({"jti", "iat", "exp"})  # each token has its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A token that was asked for, and what the API answers to its bearer."""

    token: Reply
    whoami: Reply
    reports: Reply
    debug: Reply

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims that the API has verified; empty if it has not."""
        claims: Mapping[str, Any] = self.whoami.body.get("claims", {})
        return claims

    @property
    def scope(self) -> set[str]:
        """The scope in the token."""
        return set(str(self.claims.get("scope", "")).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that happened: `around` hookpoint without its secret, the token `plain` and `hooked`, a client `refused`, and `users`."""

    around: Reply
    plain: Visit
    hooked: Visit
    refused: Reply
    users: UsersStory


async def play(stage: Stage, *, patience: float) -> Story:
    """Makes the requests of the story; what happens after an answer is waited for as many seconds as `patience`."""
    async with httpx2.AsyncClient(timeout=10.0, trust_env=False) as http:
        return Story(
            around=await _ask_token(http, stage.upstream_url, REPORTING),
            plain=await _visit(http, stage, stage.upstream_url, stage.upstream_headers),
            hooked=await _visit(http, stage, stage.public_url),
            refused=await _ask_token(http, stage.public_url, DORMANT),
            users=await play_users(http, stage, patience=patience),
        )


def check(story: Story) -> Iterator[Check]:
    """What the story claims, in its order."""
    plain, hooked = story.plain, story.hooked
    yield Check(
        claim="the OAuth server refuses who goes around hookpoint",
        holds=story.around.status == 403 and "access_token" not in story.around.body,
        seen=str(story.around),
    )
    yield Check(
        claim="both tokens are verified by the API with the published keys",
        holds=plain.whoami.status == hooked.whoami.status == 200,
        seen=f"{plain.whoami} without hooks, {hooked.whoami} with hooks",
    )
    yield Check(
        claim="a hook adds the claim of the client's plan",
        holds=PLAN not in plain.claims and hooked.claims.get(PLAN) == "gold",
        seen=f"{plain.claims.get(PLAN)!r} without hooks, {hooked.claims.get(PLAN)!r} with hooks",
    )
    yield Check(
        claim="a hook drops the scope debug, in token and answer",
        holds="debug" in plain.scope
        and hooked.scope == plain.scope - {"debug"}
        and set(str(hooked.token.body.get("scope", "")).split()) == hooked.scope,
        seen=f"{sorted(plain.scope)} without hooks, {sorted(hooked.scope)} with hooks",
    )
    changed = {name for name in plain.claims.keys() | hooked.claims.keys() if _differs(name, plain, hooked)}
    yield Check(
        claim="nothing else of the token changes",
        holds=bool(plain.claims) and changed == {PLAN, "scope"},
        seen=f"changed: {', '.join(sorted(changed)) or 'nothing'}",
    )
    yield Check(
        claim="the API goes by what hooks decided",
        holds=[plain.reports.status, plain.debug.status, hooked.reports.status, hooked.debug.status]
        == [200, 200, 200, 403],
        seen=f"/debug {plain.debug} without hooks, {hooked.debug} with hooks",
    )
    yield Check(
        claim="a hook refuses the suspended client",
        holds=story.refused.status == 403
        and story.refused.body.get("error") == "access_denied"
        and "access_token" not in story.refused.body,
        seen=str(story.refused),
    )
    yield from check_users(story.users)


def _differs(name: str, plain: Visit, hooked: Visit) -> bool:
    return name not in OWN_CLAIMS and plain.claims.get(name) != hooked.claims.get(name)


async def _visit(
    http: httpx2.AsyncClient, stage: Stage, token_server: str, headers: Mapping[str, str] | None = None
) -> Visit:
    token = await _ask_token(http, token_server, REPORTING, headers)
    bearer = {"Authorization": f"Bearer {token.body.get('access_token', 'none')}"}
    whoami, reports, debug = [
        reply(await http.get(stage.api_url + path, headers=bearer)) for path in ("/whoami", "/reports", "/debug")
    ]
    return Visit(token=token, whoami=whoami, reports=reports, debug=debug)


async def _ask_token(
    http: httpx2.AsyncClient, server: str, client: tuple[str, str], headers: Mapping[str, str] | None = None
) -> Reply:
    return reply(await http.post(f"{server}/oauth/token", auth=client, data=TOKEN_REQUEST, headers=headers))
