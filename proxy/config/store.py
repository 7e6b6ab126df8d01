"""Section [store]: where keys and deliveries are kept."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, SecretStr

from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Count, Seconds, Section, absolute_path, refuse

if TYPE_CHECKING:
    from pydantic import ValidationInfo

_REMEDY = 'Write "sqlite:///hookpoint.db", "sqlite://" to keep everything in memory, or "postgresql://user:password@host/name".'


_SHORTEST_SEAL = 20


def in_memory(database: str, query: str) -> bool:
    """Tell whether an SQLite database lives in the process only."""
    return database in ("", ":memory:") or "mode=memory" in query


def _parts(url: str) -> tuple[str, str, str]:
    """The kind of database, its name, and what follows it; SQLAlchemy, which could tell as well, takes long to load."""
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme or (_is_sqlite(scheme) and rest and not rest.startswith("/")):
        raise ValueError("no database URL")
    database, _, query = rest[1:].partition("?")
    return scheme, database, query


def _is_sqlite(scheme: str) -> bool:
    return scheme.partition("+")[0] == "sqlite"


def _is_postgresql(url: str) -> bool:
    # Not read any further here: it may name several hosts, which make_url takes for one.
    return url.startswith(("postgresql://", "postgres://"))


def _check_url(value: SecretStr, info: ValidationInfo) -> SecretStr:
    if _is_postgresql(value.get_secret_value()):
        if importlib.util.find_spec("asyncpg") is None:
            raise refuse("a PostgreSQL store needs asyncpg", "Run: pip install 'hookpoint[postgres]'")
        return value
    text = value.get_secret_value()
    try:
        kind, database, query = _parts(text)
    except ValueError:
        raise refuse("this is not the URL of a database", _REMEDY) from None
    if not _is_sqlite(kind):
        raise refuse(f"there is no store of the kind {kind}", _REMEDY)
    if in_memory(database, query) or database.startswith("file:"):
        return value
    # SQLAlchemy starts relative paths at the working directory: a service started elsewhere would find new keys.
    return SecretStr(text.replace(f":///{database}", f":///{absolute_path(database, info)}", 1))


def _check_seal(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SHORTEST_SEAL:
        raise refuse("a secret this short can be guessed", "Make one with: openssl rand -base64 32")
    return value


class StoreSettings(Section):
    """The database: signing keys, sealed tokens, queued deliveries."""

    url: Annotated[Secret, AfterValidator(_check_url)] = Field(
        default=SecretStr("sqlite:///hookpoint.db"),
        validate_default=True,
        examples=["sqlite:///hookpoint.db", "postgresql://hookpoint@db.example/hookpoint?sslmode=verify-full"],
    )
    """SQLite file (relative paths start at the configuration file) or, for several machines, PostgreSQL."""

    connections: Count = 10
    """Connections to PostgreSQL that are open at one time, in each worker."""

    timeout: Seconds = 5.0
    """How long a connection, a statement or a lock may take before the store counts as unavailable."""

    seal: Annotated[Secret, AfterValidator(_check_seal)] | None = Field(default=None, examples=["env:HOOKPOINT_SEAL"])
    """Seals the private keys in the store; 32 random characters, kept elsewhere. Without, the keys stand there in clear."""

    seal_old: tuple[Secret, ...] = Field(default=(), examples=[["env:HOOKPOINT_SEAL_OLD"]])
    """Secrets that `seal` replaced; what they sealed is sealed again at the next start."""

    @property
    def in_memory(self) -> bool:
        """Tell whether everything is lost when the process ends."""
        url = self.url.get_secret_value()
        return not _is_postgresql(url) and in_memory(*_parts(url)[1:])

    @property
    def file(self) -> Path | None:
        """Return the SQLite file, where there is one."""
        url = self.url.get_secret_value()
        if _is_postgresql(url) or self.in_memory or (database := _parts(url)[1]).startswith("file:"):
            return None
        return Path(database)
