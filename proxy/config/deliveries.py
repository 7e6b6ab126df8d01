"""Section [deliveries]: hooks that run after the answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hookpoint.hooks.delivery_policy import DeliveryPolicy
from hookpoint.proxy.config.section import Number, Seconds, Section

_DEFAULT = DeliveryPolicy()
_DAY = 86_400.0
Pause = Annotated[float, Number, Field(gt=0, le=14 * _DAY)]
Keep = Annotated[float, Number, Field(ge=60, le=3650 * _DAY)]


class DeliverySettings(Section):
    """Hooks that run after the answer, at `post-user-registration` and `post-change-password`; times are seconds."""

    attempts: Annotated[int, Number, Field(ge=1, le=100)] = _DEFAULT.attempts
    """How often a hook is tried in all, unless the hook or its `[[hooks]]` entry says otherwise."""

    backoff: Annotated[tuple[Pause, ...], Field(min_length=1, max_length=100)] = _DEFAULT.backoff
    """Pauses after the first, second, third … failure, the last again and again; each up to a fifth longer or shorter."""

    timeout: Seconds = _DEFAULT.timeout
    """One run of a hook, unless the hook or its `[[hooks]]` entry says otherwise."""

    concurrency: Annotated[int, Number, Field(ge=1, le=1000)] = 10
    """Hooks that run at one time, in each worker."""

    poll: Annotated[float, Number, Field(ge=0.05, le=60)] = 1.0
    """How often what other workers and machines have stored is looked for; a worker's own events are due at once."""

    lease: Seconds = _DEFAULT.lease
    """How long, beyond the time of its hook, a delivery stays with a process that died."""

    lookups: Annotated[int, Number, Field(ge=1, le=20)] = _DEFAULT.lookups
    """How often the server is asked for the outcome of a call that was cut off, before it is listed as unknown."""

    keep_done: Keep = _DEFAULT.keep_done
    """How long events whose hooks have run are kept; for as long, one that comes again over `[[webhooks]]` is recognized."""

    keep_dead: Keep = _DEFAULT.keep_dead
    """How long deliveries that no attempt got through, and calls of unknown outcome, are kept for you to look at."""
