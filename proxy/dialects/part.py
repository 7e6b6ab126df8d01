"""What every table of a dialect has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A table of a dialect: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
