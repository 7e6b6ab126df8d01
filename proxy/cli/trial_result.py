"""What came of trying hooks: as differences, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hookpoint.hooks import CredentialsExchange, Delivered, MessageChanges, TokenChanges
from hookpoint.hooks.testing import Trial
from hookpoint.hooks.wire import event_to_json
from hookpoint.proxy.cli.trial_logs import TrialLogs

ABSENT: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A member that hooks have changed; `before` or `after` is ABSENT where it is not there."""

    name: str
    before: object
    after: object

    @property
    def sign(self) -> str:
        """`+`, `-` or `~`."""
        return "+" if self.before is ABSENT else "-" if self.after is ABSENT else "~"


def differences(trial: Trial, before: object) -> Sequence[Difference]:
    """What the hooks have changed, tokens by claim; none where they refused or failed."""
    if trial.denial is not None or trial.failure is not None:
        return ()
    old, new = event_to_json(before), event_to_json(trial.event)
    if isinstance(before, CredentialsExchange):
        # The scope is there twice: as a claim, if the token is one that can be read, and by itself.
        hidden = {"scope"} if "scope" in old["claims"] else set()
        old, new = ({name: value for name, value in each.items() if name not in hidden} for each in (old, new))
    return [*_between(old, new, ""), *_beside(trial.changes)]


def _between(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _between(old, new, "" if name == "claims" else f"{prefix}{name}.")
        else:
            yield Difference(name=f"{prefix}{name}", before=old, after=new)


def _beside(changes: object) -> Iterator[Difference]:
    """Changes that are no members of the event."""
    if isinstance(changes, TokenChanges) and changes.expires_in is not None:
        yield Difference(name="expires_in", before=ABSENT, after=changes.expires_in)
    if isinstance(changes, MessageChanges):
        for name in ("sender", "provider"):
            if (value := getattr(changes, name)) is not None:
                yield Difference(name=name, before=ABSENT, after=value)
    if isinstance(changes, Delivered):
        yield Difference(name="delivered", before=ABSENT, after=changes.message_id or True)


def shown(value: object) -> str:
    """A value as people read it: texts bare, lists of texts as words, all else as JSON."""
    if value is ABSENT:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) and " " not in each for each in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False)


def outcome(trial: Trial) -> str:
    """One word for all of it: `denied`, `failed`, `changed` or `unchanged`."""
    if trial.denial is not None:
        return "denied"
    if trial.failure is not None:
        return "failed"
    return "unchanged" if trial.changes is None else "changed"


def as_json(trigger: str, trial: Trial, before: object, logs: TrialLogs) -> Mapping[str, Any]:
    """The result for programs; `event` is the one with all changes applied."""
    denial, failure = trial.denial, trial.failure
    return {
        "trigger": trigger,
        "outcome": outcome(trial),
        "denial": denial and {"code": denial.code, "reason": denial.reason, "user_message": denial.user_message},
        "failure": failure and {"code": failure.code, "hook": failure.hook, "reason": failure.reason},
        "differences": [
            {"name": each.name}
            | ({} if each.before is ABSENT else {"before": each.before})
            | ({} if each.after is ABSENT else {"after": each.after})
            for each in differences(trial, before)
        ],
        "event": event_to_json(trial.event),
        "hooks": [
            {
                "name": run.hook.name,
                "source": run.hook.source,
                "outcome": run.outcome,
                "milliseconds": round(run.seconds * 1000, 3),
                "error": run.error and run.error.reason,
                "logs": [{"level": line.level, "text": line.text} for line in lines],
            }
            for run, lines in logs.runs
        ],
    }
