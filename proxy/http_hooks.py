"""Makes the hooks that are services from what the configuration says of them."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from hookpoint.hooks import POINTS, Hook, HookDefinitionError
from hookpoint.hooks.http.addresses import Addresses, AddressPolicy
from hookpoint.hooks.http.breaker import Breaker
from hookpoint.hooks.http.exchange import Caller
from hookpoint.hooks.http.formats.registry import FORMATS
from hookpoint.hooks.http.remembered import Remembered
from hookpoint.hooks.http.runner import CallPolicy, HttpRunner
from hookpoint.hooks.http.signing import credentials_of
from hookpoint.hooks.options import make_options
from hookpoint.proxy.config import HookSettings, Settings
from hookpoint.proxy.config.http_hooks import DEFAULT_FORMAT

_PORTS = {"http": 80, "https": 443}


def http_hook(entry: HookSettings, settings: Settings) -> Hook:
    """The hook behind a URL. Raises HookDefinitionError when its certificates cannot be used."""
    assert entry.trigger is not None
    point, http = POINTS[entry.trigger], entry.http
    format_ = FORMATS[entry.format or DEFAULT_FORMAT]
    name = entry.name or default_name(entry.run)
    kind = http.authentication or format_.authentications[0]
    secrets = [secret.get_secret_value() for secret in http.secrets]
    runner = HttpRunner(
        name,
        point,
        format_.codecs[point],
        caller_of(entry),
        credentials_of(kind, secrets, header=http.header or "authorization"),
        policy=CallPolicy(timeout=entry.timeout or settings.limits.hook_timeout, retries=http.retries),
        breaker=Breaker(threshold=http.breaker_failures, pause=http.breaker_pause),
        remembered=None if http.last_good is None else Remembered(http.last_good),
    )
    options = make_options(entry.run, name=name, needs_password=entry.needs_password)
    return Hook(point=point, options=options, runner=runner, source=entry.run)


def default_name(url: str) -> str:
    """What a hook is called that has no name: host and path."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path.rstrip('/')}"


def caller_of(entry: HookSettings) -> Caller:
    """What calls the URL of an entry."""
    parts, http = urlsplit(entry.run), entry.http
    addresses = Addresses(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        policy=AddressPolicy(private=http.allow_private, networks=http.networks),
    )
    return Caller(entry.run, addresses, tls=_trust(entry), connect_timeout=http.connect_timeout)


def _trust(entry: HookSettings) -> ssl.SSLContext | None:
    http = entry.http
    if not entry.run.startswith("https://"):
        return None
    try:
        context = ssl.create_default_context(cafile=http.ca_file)
        if http.cert_file is not None:
            context.load_cert_chain(http.cert_file, http.key_file)
    except (ssl.SSLError, OSError) as error:
        files = ", ".join(filter(None, (http.ca_file, http.cert_file, http.key_file)))
        reason = f"its certificates cannot be used: {error.strerror or error} ({files})."
        raise HookDefinitionError(entry.run, reason, "Name PEM files; the key must not have a password.") from None
    return context
