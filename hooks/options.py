"""How a hook is run: what its decorator, or the configuration, says of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, cast

from hookpoint.hooks.conditions import When, parse_conditions
from hookpoint.hooks.errors import HookDefinitionError

OnError = Literal["deny", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a hook is run, as its decorator says; the configuration may override each of them.

    `order`: lower runs first, equals in order of registration. `timeout` in seconds, None for the configured default.
    `on_error`: whether a failure of this hook denies (the default) or is skipped. `when`: for which requests it runs. `early`: it runs
    before the server is asked, and may only refuse (tokens). `needs_password`: it is given the password in clear (sign-up).
    `attempts`: how often it is tried in all, None for the configured default; only where it runs after the answer.
    """

    name: str
    order: int = 0
    timeout: float | None = None
    on_error: OnError = "deny"
    when: When = field(default_factory=When)
    early: bool = False
    needs_password: bool = False
    attempts: int | None = None


def make_options(
    source: str,
    *,
    name: object,
    order: object = 0,
    timeout: object = None,
    on_error: object = "deny",
    when: object = None,
    early: object = False,
    needs_password: object = False,
    attempts: object = None,
) -> Options:
    """Check the options of a hook; raises HookDefinitionError naming the place and the remedy."""
    if not isinstance(name, str):
        raise HookDefinitionError(source, f"name={name!r} is not a text.", 'Use name="add-plan", for example.')
    if type(order) is not int:
        raise HookDefinitionError(source, f"order={order!r} is not a whole number.", "Use order=10, for example.")
    if timeout is not None and not (type(timeout) in (int, float) and timeout > 0):  # type: ignore[operator]
        raise HookDefinitionError(source, f"timeout={timeout!r} is no time.", "Give seconds above zero: timeout=1.5.")
    if on_error not in ("deny", "skip"):
        raise HookDefinitionError(
            source, f"on_error={on_error!r} is unknown.", 'Use on_error="deny" or on_error="skip".'
        )
    if attempts is not None and not (type(attempts) is int and attempts > 0):
        raise HookDefinitionError(source, f"attempts={attempts!r} is no number of times.", "Use attempts=5.")
    for option, value in (("early", early), ("needs_password", needs_password)):
        if not isinstance(value, bool):
            raise HookDefinitionError(source, f"{option}={value!r} is no yes or no.", f"Use {option}=True.")
    return Options(
        name=name,
        order=order,
        timeout=cast("float | None", timeout),
        on_error=on_error,
        when=parse_conditions({} if when is None else when, source),
        early=cast("bool", early),
        needs_password=cast("bool", needs_password),
        attempts=attempts,
    )


def check_conditions(event: type, when: When, source: str) -> None:
    """Refuse conditions on what an event does not have: the hook would never run."""
    known = {each.name for each in fields(event)}
    kinds = {"client_id": "client"}
    for each in fields(when):
        if getattr(when, each.name) and kinds.get(each.name, each.name) not in known:
            raise HookDefinitionError(
                source,
                f"when.{each.name} is never met: a {event.__name__} has none.",
                "Leave it out, or choose another point.",
            )
