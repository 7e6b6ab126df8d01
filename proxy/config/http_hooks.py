"""The table `http` of a hook behind a URL: how it is called, and what it proves itself with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from hookpoint.hooks import POINTS
from hookpoint.hooks.http import remembered
from hookpoint.hooks.http.formats.format import Authentication
from hookpoint.hooks.http.formats.registry import FORMATS, formats_of, points_of
from hookpoint.hooks.http.signing import credentials_of
from hookpoint.proxy.config.addresses import Network, is_loopback
from hookpoint.proxy.config.problems import Conflict
from hookpoint.proxy.config.secrets import Secret
from hookpoint.proxy.config.section import Number, Seconds, Section, absolute_path, refuse

if TYPE_CHECKING:
    from pydantic import ValidationInfo

    from hookpoint.proxy.config.hooks import HookSettings

DEFAULT_FORMAT = "hookpoint"


def _check_file(value: str, info: ValidationInfo) -> str:
    path = absolute_path(value, info)
    if not path.is_file():
        raise refuse(f"there is no file {path}", "Relative paths start at the configuration file.")
    return str(path)


File = Annotated[str, AfterValidator(_check_file)]


class HookHttpSettings(Section):
    """How a hook behind a URL is called."""

    authentication: Authentication | None = Field(default=None, examples=["bearer"])
    """What proves a call; each format has some of these, and a usual one. `none` has to be written."""

    secrets: tuple[Secret, ...] = Field(default=(), examples=[["env:HOOK_SECRET", "env:OLD_HOOK_SECRET"]])
    """Secrets, the newest first. Calls are signed with all of them; what is sent as it is, is the first. Basic: `user:password`."""

    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$", examples=["X-Api-Key"])
    """The header field of `header`. Default: `Authorization`."""

    ca_file: File | None = Field(default=None, examples=["ca.pem"])
    """Certificates that are trusted in place of the system's (PEM)."""

    cert_file: File | None = Field(default=None, examples=["client.pem"])
    """hookpoint's own certificate for the service (PEM), with its key or without."""

    key_file: File | None = Field(default=None, examples=["client.key"])
    """The key of that certificate (PEM)."""

    allow_private: bool = False
    """Whether the URL may lead into private networks. Loopback may always be named outright; link-local takes `networks`."""

    networks: tuple[Network, ...] = Field(default=(), examples=[["10.1.0.0/16"]])
    """Networks that the URL may lead to, whatever they are."""

    allow_http: bool = False
    """Whether the URL may begin with http:// though it does not name this machine."""

    connect_timeout: Seconds = 1.0
    """Seconds for a connection to each address."""

    retries: Annotated[int, Number] = Field(default=1, ge=0, le=5)
    """How often a call is made again: when no connection came about, and where the hook decides, after 429 and 503 with Retry-After."""

    breaker_failures: Annotated[int, Number] = Field(default=5, ge=0, le=1000)
    """After so many failures in a row the service is left alone for a while; 0: never."""

    breaker_pause: Seconds = 5.0
    """For how many seconds at first; twice as long after each trial that fails, up to a minute."""

    last_good: Seconds | None = Field(default=None, examples=[300.0])
    """For how many seconds an answer is given again to the same event when the service cannot be asked; at points for tokens only."""


def find_http_conflicts(index: int, hook: HookSettings) -> Iterator[Conflict]:
    """Yield what is wrong with a hook behind a URL."""
    if hook.trigger is None:
        yield _conflict(
            index, "trigger", "a URL does not say at which point it runs", f"Write one of {', '.join(POINTS)}."
        )
        return
    name = hook.format or DEFAULT_FORMAT
    if hook.trigger not in points_of(name):
        reason = f"the format {name} has no {hook.trigger}; it has {', '.join(points_of(name))}"
        yield _conflict(index, "format", reason, f"For {hook.trigger} there are {', '.join(formats_of(hook.trigger))}.")
    if hook.secrets:
        remedy = "Remove secrets; what proves a call is http.secrets."
        yield _conflict(index, "secrets", "a service has secrets of its own, and is not sent any", remedy)
    if hook.needs_password and hook.trigger != "pre-user-registration":
        yield _conflict(index, "needs_password", f"no event of {hook.trigger} has a password", "Remove needs_password.")
    yield from _address(index, hook)
    yield from _authentication(index, hook.http, name)
    if hook.http.last_good is not None and hook.trigger not in [point.name for point in remembered.POINTS]:
        points = ", ".join(point.name for point in remembered.POINTS)
        reason = f"what was right once says nothing about another {hook.trigger}; answers are kept for {points}"
        yield _conflict(index, ("http", "last_good"), reason, "Remove last_good.")


def _address(index: int, hook: HookSettings) -> Iterator[Conflict]:
    parts, http = urlsplit(hook.run), hook.http
    if parts.scheme == "http" and not http.allow_http and not is_loopback(parts.hostname or ""):
        reason = "http:// sends events in clear to another machine"
        yield _conflict(index, "run", reason, "Write https://, or http.allow_http = true.")
    for key in ("ca_file", "cert_file"):
        if parts.scheme == "http" and getattr(http, key) is not None:
            yield _conflict(
                index, ("http", key), "run is not https, so that there are no certificates", f"Remove {key}."
            )
    if http.key_file is not None and http.cert_file is None:
        yield _conflict(index, ("http", "key_file"), "there is no certificate for this key", "Write cert_file as well.")


def _authentication(index: int, http: HookHttpSettings, name: str) -> Iterator[Conflict]:
    known = FORMATS[name].authentications
    kind = http.authentication or known[0]
    if kind not in known:
        reason = f"{name} is not authenticated by {kind}"
        yield _conflict(index, ("http", "authentication"), reason, f"Write one of {', '.join(known)}.")
        return
    if http.header is not None and kind != "header":
        yield _conflict(index, ("http", "header"), f"{kind} has a header of its own", "Remove header.")
    secrets = [secret.get_secret_value() for secret in http.secrets]
    if kind == "none":
        if secrets:
            yield _conflict(index, ("http", "secrets"), "nothing is done with them", "Remove secrets.")
        return
    if not secrets:
        remedy = f'Write http.secrets (for {kind}), or http.authentication = "none".'
        yield _conflict(index, ("http", "secrets"), "nothing proves that a call is hookpoint's", remedy)
        return
    if any(not secret.isascii() or not secret.isprintable() for secret in secrets):
        reason = "a secret holds something other than printable ASCII"
        yield _conflict(index, ("http", "secrets"), reason, "Write another one.")
        return
    if kind == "basic" and any(":" not in secret for secret in secrets):
        reason = "a secret of basic authentication has no colon"
        yield _conflict(index, ("http", "secrets"), reason, "Write user:password.")
        return
    try:
        credentials_of(kind, secrets)
    except ValueError as error:
        yield _conflict(index, ("http", "secrets"), str(error), "Copy the whole secret.")


def _conflict(index: int, key: str | tuple[str, str], reason: str, remedy: str) -> Conflict:
    path = (key,) if isinstance(key, str) else key
    return Conflict(location=("hooks", index, *path), reason=reason, remedy=remedy)
