"""Secrets that the configuration names but does not have to hold: `env:NAME` and `file:PATH`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, SecretStr

from hookpoint.proxy.config.section import absolute_path, refuse, surroundings_of

if TYPE_CHECKING:
    from pydantic import ValidationInfo


def read_file(path_text: str, info: ValidationInfo) -> str:
    """Return the text of a file of the configuration, or refuse the value that names it."""
    path = absolute_path(path_text, info)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror or type(error).__name__}"
    except UnicodeDecodeError:
        reason = f"{path} is not UTF-8 text"
    raise refuse(reason, "Name a file that this user may read; relative paths start at the configuration file.")


def _read_variable(name: str, info: ValidationInfo) -> str:
    value = surroundings_of(info).environ.get(name)
    if not value:
        state = "not set" if value is None else "empty"
        raise refuse(f"the environment variable {name} is {state}", f"Set {name}, or write file:PATH.")
    return value


def resolve(value: object, info: ValidationInfo) -> object:
    """Return the secret that `env:NAME` or `file:PATH` stands for; any other text is the secret itself."""
    if not isinstance(value, str):
        return value
    form, separator, rest = value.partition(":")
    if separator and form == "env":
        return _read_variable(rest, info)
    if separator and form == "file":
        # Editors and `echo` end files with a line end that is no part of the secret.
        value = read_file(rest, info).rstrip("\r\n")
    if not value:
        raise refuse("the secret is empty", "Write env:NAME, file:PATH or the secret.")
    return value


def resolve_key(value: object, info: ValidationInfo) -> object:
    """Return the text of a PEM or JWKS: `env:NAME`, `file:PATH`, a path, or the text itself."""
    if isinstance(value, str) and not value.startswith(("env:", "file:", "-----BEGIN", "{")):
        return resolve(f"file:{value}", info)
    return resolve(value, info)


Secret = Annotated[SecretStr, BeforeValidator(resolve)]
KeyText = Annotated[SecretStr, BeforeValidator(resolve_key)]
