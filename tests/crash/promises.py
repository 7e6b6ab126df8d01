"""What is promised, held against what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.crash.drill import Drill


def broken_promises(drill: Drill) -> list[str]:
    """A line for each promise that was broken; empty when all hold."""
    return [*_successes(drill), *_failures(drill), *_cut_off(drill), *_order(drill), *_nothing_else_left(drill)]


def _successes(drill: Drill) -> Iterator[str]:
    registered = drill.registered()
    changes = Counter(email for email, _ in {(each.email, each.id) for each in drill.ran if each.kind == "changed"})
    for email, fate in drill.sign_ups.items():
        if fate == "succeeded" and email not in registered:
            yield f"the client of {email} saw a success, and no hook was told"
    for email, fates in drill.changes.items():
        seen = fates.count("succeeded")
        if changes[email] < seen:
            yield f"the client of {email} saw the password changed {seen} times, hooks {changes[email]} times"


def _failures(drill: Drill) -> Iterator[str]:
    for email in drill.registered():
        if email not in drill.server.users:
            yield f"a hook was told of {email}, who is not signed up"


def _cut_off(drill: Drill) -> Iterator[str]:
    registered = drill.registered()
    for email in drill.server.users:
        if email not in registered and email not in drill.unknown:
            yield f"{email} is signed up, and neither was a hook told nor is the outcome listed as unknown"


def _order(drill: Drill) -> Iterator[str]:
    first_end: dict[str, int] = {}
    for position, each in enumerate(drill.ran):
        first_end.setdefault(each.id, position)
    by_user: dict[str, list[tuple[str, int]]] = {}
    for each in {each.id: each for each in drill.ran}.values():
        by_user.setdefault(each.email, []).append((each.at, first_end[each.id]))
    for email, events in by_user.items():
        positions = [position for _, position in sorted(events)]  # the sign-up has no time, and comes first
        if positions != sorted(positions):
            yield f"the events of {email} came out of order"


def _nothing_else_left(drill: Drill) -> Iterator[str]:
    for entry in drill.left:
        if entry.state != "unknown":
            yield f"the event {entry.event_id} is {entry.state}: {entry.error}"


def figures(drill: Drill) -> dict[str, int]:
    """What happened, in numbers."""
    fates = Counter(drill.sign_ups.values())
    cut_off = [email for email, fate in drill.sign_ups.items() if fate == "cut off"]
    told = drill.registered()
    events = {each.id for each in drill.ran}
    return {
        "sign-ups": len(drill.sign_ups),
        "… succeeded": fates["succeeded"],
        "… refused": fates["refused"],
        "… cut off": fates["cut off"],
        "kills": drill.kills,
        "events delivered": len(events),
        "… more than once": len(drill.ran) - len(events),
        "cut off, and delivered": sum(email in told for email in cut_off),
        "cut off, listed as unknown": sum(email in drill.unknown for email in cut_off),
        "cut off, user exists": sum(email in drill.server.users for email in cut_off),
    }
