"""What every section of the configuration has in common."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationInfo


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, values never change, input never shows in messages."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        defer_build=True,  # only the whole is ever built, once
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What values may refer to: the folder that relative paths start from, and the environment."""

    directory: Path = field(default_factory=Path.cwd)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def surroundings_of(info: ValidationInfo) -> Surroundings:
    """Return the surroundings of a validation; the process's own when a section is built directly."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings()


def refuse(reason: str, remedy: str) -> PydanticCustomError:
    """Return the error that becomes a problem with this reason and remedy; neither may hold a secret."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason, "remedy": remedy})


def absolute_path(text: str, info: ValidationInfo) -> Path:
    """Return a path of the configuration, relative ones starting from the configuration's folder."""
    return surroundings_of(info).directory / Path(text).expanduser()


def _not_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise refuse("expected a number, not true or false", "Write a number.")
    return value


Number = BeforeValidator(_not_boolean)
Seconds = Annotated[float, Number, Field(gt=0, le=3600)]
Count = Annotated[int, Number, Field(ge=1, le=1_000_000)]
Bytes = Annotated[int, Number, Field(ge=256, le=64 * 1024 * 1024)]
