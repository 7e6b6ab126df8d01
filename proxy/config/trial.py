"""Validation that goes on after errors, to find everything that is wrong in one go."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hookpoint.proxy.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from hookpoint.proxy.config.schema import Location
    from hookpoint.proxy.config.section import Surroundings


class Trial:
    """Validates until it works, leaving out what is wrong, so that rules between keys can be tried on the rest."""

    def __init__(self, values: Mapping[str, Any], surroundings: Surroundings) -> None:
        """Keep a copy of the values to work on."""
        self._values = copy.deepcopy(dict(values))
        self._surroundings = surroundings
        self._left_out: dict[Location, list[int]] = {}

    def run(self) -> tuple[Settings, list[ErrorDetails]]:
        """Return the settings without the wrong keys, and what is wrong with those."""
        errors: list[ErrorDetails] = []
        while True:
            try:
                return Settings.model_validate(self._values, context=self._surroundings), errors
            except ValidationError as error:
                found = error.errors(include_url=False)
            for each in found:
                each["loc"] = self.original(each["loc"])
            errors.extend(each for each in found if not any(overlap(each["loc"], known["loc"]) for known in errors))
            wrong = {each["loc"][:-1] if each["type"] == "missing" else each["loc"] for each in found}
            # Backwards, so that positions in lists stay right while entries go.
            backwards = sorted(wrong, key=lambda each: [(isinstance(s, int), s) for s in each], reverse=True)
            left_out = [self._leave_out(location) for location in backwards]
            if not any(left_out):
                return Settings.model_validate({}, context=self._surroundings), errors

    def original(self, location: Location) -> Location:
        """Return where something stood before entries of lists were left out."""
        place: Location = ()
        for step in location:
            if isinstance(step, int):
                for gone in sorted(self._left_out.get(place, ())):
                    step += gone <= step
            place = (*place, step)
        return place

    def _leave_out(self, location: Location) -> bool:
        """Remove what stands there, or the nearest thing around it that the values hold; tell whether there was any."""
        holder: Any = self._values
        place: Location = ()
        for step in location:
            index: Any = step
            if isinstance(step, int) and isinstance(holder, list):
                gone = self._left_out.get(place, [])
                if step in gone:
                    return False
                index = step - sum(each < step for each in gone)
            inner = holder[index] if _has(holder, index) else None
            if (step is location[-1] and len(place) == len(location) - 1) or not isinstance(inner, dict | list):
                if not _has(holder, index):
                    return False
                del holder[index]
                if isinstance(holder, list) and isinstance(step, int):
                    self._left_out.setdefault(place, []).append(step)
                return True
            holder, place = inner, (*place, step)
        return False


def _has(holder: Any, step: str | int) -> bool:
    return step in holder if isinstance(holder, dict) else isinstance(step, int) and 0 <= step < len(holder)


def overlap(one: Location, other: Location) -> bool:
    """Tell whether one location is the other or stands around it."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]
