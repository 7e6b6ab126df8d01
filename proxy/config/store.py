"""Section [store]: where keys and deliveries are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Section, absolute_path, refuse

if TYPE_CHECKING:
    from pydantic import ValidationInfo

_REMEDY = 'Write "sqlite:///hookpoint.db", or "sqlite://" to keep everything in memory.'


def in_memory(url: URL) -> bool:
    """Tell whether an SQLite database lives in the process only."""
    return url.database in (None, "", ":memory:") or "memory" in url.query.get("mode", "")


def _check_url(value: SecretStr, info: ValidationInfo) -> SecretStr:
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):
        raise refuse("this is not the URL of a database", _REMEDY) from None
    if url.get_backend_name() == "postgresql":
        return value
    if url.get_backend_name() != "sqlite":
        raise refuse(f"there is no store of the kind {url.get_backend_name()}", _REMEDY)
    if in_memory(url) or url.database is None or url.database.startswith("file:"):
        return value
    # SQLAlchemy starts relative paths at the working directory: a service started elsewhere would find new keys.
    return SecretStr(url.set(database=str(absolute_path(url.database, info))).render_as_string(hide_password=False))


class StoreSettings(Section):
    """The database: signing keys, sealed tokens, queued deliveries."""

    url: Annotated[Secret, AfterValidator(_check_url)] = Field(
        default=SecretStr("sqlite:///hookpoint.db"), validate_default=True, examples=["sqlite:///hookpoint.db"]
    )
    """SQLite file (relative paths start at the configuration file) or, for several machines, PostgreSQL."""

    @property
    def in_memory(self) -> bool:
        """Tell whether everything is lost when the process ends."""
        url = make_url(self.url.get_secret_value())
        return url.get_backend_name() == "sqlite" and in_memory(url)
