"""Try hooks without a server.

    from hookpoint.hooks.testing import try_hook

    def test_gold_partners_get_a_plan() -> None:
        assert try_hook(add_plan, client=Client(id="partner")).claims["https://example.com/plan"] == "gold"

The hook runs as it does in front of a server: with its time limit, and with every rule on what it may answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hookpoint.hooks.chain import Chain, HookRun, Observer, observe_nothing
from hookpoint.hooks.errors import HookFailed
from hookpoint.hooks.events import (
    Client,
    Connection,
    CredentialsExchange,
    PostChangePassword,
    PostUserRegistration,
    PreUserRegistration,
    Request,
    SendPhoneMessage,
    TokenIssuance,
    User,
    before_the_server,
)
from hookpoint.hooks.json import JsonValue
from hookpoint.hooks.points import (
    AnyPoint,
    credentials_exchange,
    post_change_password,
    post_user_registration,
    pre_user_registration,
    send_phone_message,
    token_issuance,
)
from hookpoint.hooks.registry import Hook, Registry, hooks_of_functions
from hookpoint.hooks.results import Deny
from hookpoint.hooks.rules import default_rules

_REQUEST = Request(
    id="00000000000000000000000000000001",
    method="POST",
    hostname="login.example.com",
    ip="203.0.113.7",
    user_agent="example-client/1.0",
    language="en",
    geo={"country": "DE", "region": "BE", "city": "Berlin"},
)
_USER = User(
    id="507f1f77bcf86cd799439020",
    username="jo",
    email="jo@example.com",
    email_verified=True,
    phone_number="+15005550006",
    name="Jo Doe",
    user_metadata={"newsletter": True},
    app_metadata={"plan": "free"},
)
_CLIENT = Client(id="reporting", name="Reporting job", metadata={"plan": "gold"})
_CONNECTION = Connection(name="Username-Password-Authentication", id="con_example")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying hooks.

    `event` is the event with all changes applied, `changes` the changes as one result (None: none), `denial` the Deny that was
    raised, `failure` why a hook failed, `runs` each run with its outcome and time.
    """

    event: Any
    changes: Any
    denial: Deny | None
    failure: HookFailed | None
    runs: tuple[HookRun, ...]

    @property
    def claims(self) -> Mapping[str, JsonValue]:
        """The claims of the token as it would leave (tokens only); raises the denial or failure when none would."""
        claims: Mapping[str, JsonValue] = self._issued().claims
        return claims

    @property
    def scope(self) -> frozenset[str]:
        """The scope of the token as it would leave (tokens only); raises the denial or failure when none would."""
        scope: frozenset[str] = self._issued().scope
        return scope

    def _issued(self) -> Any:
        if error := self.denial or self.failure:
            raise error
        return self.event


def sample_event(point: AnyPoint, **fields: Any) -> Any:
    """A made-up event of a point, with the given fields in place of the sample's."""
    return replace(_SAMPLES[point.name], **fields)


def try_hook(
    hook: Callable[..., Any],
    event: Any = None,
    *,
    grantable_scopes: Collection[str] = (),
    **fields: Any,
) -> Trial:
    """Run one hook with an event, or with a sample whose fields are given; use `try_hooks` where a loop is running.

    The hook sees the secrets of that event: `try_hook(add_plan, secrets={"API_KEY": "test"})`.
    """
    found = hooks_of_functions([hook])
    subject = sample_event(found[0].point, **fields) if event is None else replace(event, **fields)
    hooks = [each.overridden(secrets=subject.secrets) for each in found if type(subject) is each.point.event]
    return asyncio.run(try_hooks(hooks, subject, grantable_scopes={"*": grantable_scopes}))


async def try_hooks(
    hooks: Collection[Hook],
    event: Any,
    *,
    grantable_scopes: Mapping[str, Collection[str]] | None = None,
    timeout: float = 3.0,
    total_timeout: float = 5.0,
    observer: Observer = observe_nothing,
) -> Trial:
    """Run the hooks of one point in their order, as a chain; options as the configuration has them. `observer` is told of each run.

    Early hooks come first, and see the event without claims. Raises ValueError when there is no hook, or the event is not that of
    their point.
    """
    points = {hook.point for hook in hooks}
    if len(points) != 1 or not isinstance(event, next(iter(points)).event):
        names = ", ".join(sorted(point.name for point in points)) or "none"
        raise ValueError(f"a {type(event).__name__} needs hooks of its own point; these are hooks of: {names}")
    runs: list[HookRun] = []

    def observe(run: HookRun, /) -> None:
        runs.append(run)
        observer(run)

    registry = Registry(hooks)
    chain = Chain(
        registry,
        rules=default_rules(grantable_scopes=grantable_scopes),
        timeout=timeout,
        total_timeout=total_timeout,
        observer=observe,
    )
    point = points.pop()
    await registry.start()
    try:
        if isinstance(event, CredentialsExchange):
            await chain.run(point, before_the_server(event), early=True)
        outcome = await chain.run(point, event)
    except Deny as denial:
        return Trial(event=event, changes=None, denial=denial, failure=None, runs=tuple(runs))
    except HookFailed as failure:
        return Trial(event=event, changes=None, denial=None, failure=failure, runs=tuple(runs))
    finally:
        await registry.aclose()
    return Trial(event=outcome.event, changes=outcome.changes, denial=None, failure=None, runs=tuple(runs))


_ACCESS_TOKEN: Mapping[str, JsonValue] = {
    "iss": "https://login.example.com",
    "sub": _USER.id,
    "client_id": "reporting",
    "aud": "https://api.example.com",
    "iat": 1767225600,
    "exp": 1767229200,
    "jti": "c1d2e3f4",
    "scope": "openid reports:read",
}
_SAMPLES: Mapping[str, Any] = {
    credentials_exchange.name: CredentialsExchange(
        client=_CLIENT,
        scope=frozenset({"reports:read", "debug"}),
        audience="https://api.example.com",
        audiences=("https://api.example.com",),
        claims={
            "iss": "https://login.example.com",
            "sub": "reporting",
            "client_id": "reporting",
            "aud": "https://api.example.com",
            "iat": 1767225600,
            "exp": 1767229200,
            "jti": "b8f9f1a0",
            "scope": "reports:read debug",
        },
        parameters={"grant_type": "client_credentials", "audience": "https://api.example.com"},
        request=_REQUEST,
    ),
    token_issuance.name: TokenIssuance(
        client=_CLIENT,
        scope=frozenset({"openid", "reports:read"}),
        audience="https://api.example.com",
        audiences=("https://api.example.com",),
        claims=_ACCESS_TOKEN,
        parameters={"grant_type": "authorization_code"},
        request=_REQUEST,
        grant_type="authorization_code",
        user=_USER,
        id_token_claims={"iss": "https://login.example.com", "sub": _USER.id, "aud": "reporting", "email": _USER.email},
    ),
    pre_user_registration.name: PreUserRegistration(
        user=replace(_USER, id="", email_verified=False, app_metadata={}),
        connection=_CONNECTION,
        client=_CLIENT,
        request=_REQUEST,
        password="Sample-password-1",  # noqa: S106 - made up
    ),
    post_user_registration.name: PostUserRegistration(
        id="evt_00000000000000000000000001", user=_USER, connection=_CONNECTION, client=_CLIENT, request=_REQUEST
    ),
    post_change_password.name: PostChangePassword(
        id="evt_00000000000000000000000002",
        user=_USER,
        changed_at=datetime(2026, 1, 1, tzinfo=UTC),
        connection=_CONNECTION,
        request=_REQUEST,
    ),
    send_phone_message.name: SendPhoneMessage(
        recipient="+15005550006",
        text="Your code is 123456",
        code="123456",
        language="en",
        client=_CLIENT,
        user=_USER,
        request=_REQUEST,
    ),
}
