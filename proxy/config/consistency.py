"""Rules between keys: values that are each allowed but not together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from hookpoint.proxy.config.addresses import Address, is_loopback
from hookpoint.proxy.config.hooks import HookKind, HookSettings
from hookpoint.proxy.config.http_hooks import find_http_conflicts
from hookpoint.proxy.config.problems import Conflict
from hookpoint.proxy.config.settings import Settings
from hookpoint.proxy.config.sms_consistency import SMS_RULES

_AFTERWARDS = ("post-user-registration", "post-change-password")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound here


def _listeners(settings: Settings) -> Iterator[Conflict]:
    server = settings.server
    if _same_socket(server.listen, server.admin_listen):
        yield Conflict(
            location=("server", "admin_listen"),
            reason="this is the same socket as server.listen, which would put administration in front of everyone",
            remedy="Choose another port.",
        )


def _upstream_is_another_server(settings: Settings) -> Iterator[Conflict]:
    if settings.upstream.url is None:
        return
    parts = urlsplit(settings.upstream.url)
    upstream = Address(parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme])
    for name, listener in (("listen", settings.server.listen), ("admin_listen", settings.server.admin_listen)):
        if _same_socket(upstream, listener):
            yield Conflict(
                location=("upstream", "url"),
                reason=f"this is hookpoint's own server.{name}",
                remedy="Write the address of the OAuth server.",
            )


def _same_socket(one: Address, other: Address) -> bool:
    if one.port != other.port or one.port == 0:
        return False
    either = {one.host, other.host}
    return len(either) == 1 or bool(either & set(_EVERYWHERE)) or all(map(is_loopback, either))


def _certificates_need_tls(settings: Settings) -> Iterator[Conflict]:
    upstream = settings.upstream
    if upstream.ca_file and upstream.url and not upstream.url.startswith("https://"):
        yield Conflict(
            location=("upstream", "ca_file"),
            reason="upstream.url is not https, so that no certificate would be checked",
            remedy="Write upstream.url with https://, or remove ca_file.",
        )


def _rewriting_needs_own_url(settings: Settings) -> Iterator[Conflict]:
    if settings.tokens.issuer == "keep":
        return
    public_url, issuer = settings.server.public_url, settings.upstream.issuer
    if public_url is None:
        yield Conflict(
            location=("tokens", "issuer"),
            reason="rewriting needs to know hookpoint's own URL",
            remedy='Set server.public_url, or write issuer = "keep".',
        )
    elif issuer is not None and issuer.rstrip("/") == public_url:
        yield Conflict(
            location=("tokens", "issuer"),
            reason="upstream.issuer is server.public_url already, so that there is nothing to rewrite",
            remedy='Write issuer = "keep".',
        )


def _workers_share_a_store(settings: Settings) -> Iterator[Conflict]:
    if settings.server.workers > 1 and settings.store.in_memory:
        yield Conflict(
            location=("server", "workers"),
            reason="several workers cannot share a store in memory: each would sign with keys of its own",
            remedy='Write store.url = "sqlite:///hookpoint.db", or workers = 1.',
        )


def _store_has_a_folder(settings: Settings) -> Iterator[Conflict]:
    file = settings.store.file
    if file is not None and not file.parent.is_dir():
        yield Conflict(
            location=("store", "url"),
            reason=f"there is no folder {file.parent}",
            remedy="Create it, or choose another.",
        )


def _times_fit(settings: Settings) -> Iterator[Conflict]:
    limits = settings.limits
    if limits.hook_timeout > limits.hooks_timeout:
        yield Conflict(
            location=("limits", "hook_timeout"),
            reason=f"one hook may not take longer than all together (hooks_timeout = {limits.hooks_timeout:g})",
            remedy="Lower it, or raise hooks_timeout.",
        )
    if limits.hooks_timeout >= limits.token_timeout:
        yield Conflict(
            location=("limits", "hooks_timeout"),
            reason=f"the hooks leave no time for the upstream (token_timeout = {limits.token_timeout:g})",
            remedy="Lower it, or raise token_timeout.",
        )
    for index, hook in enumerate(settings.hooks):
        if hook.trigger in _AFTERWARDS:  # nobody waits for them
            continue
        if hook.timeout is not None and hook.timeout > limits.hooks_timeout:
            yield Conflict(
                location=("hooks", index, "timeout"),
                reason=f"longer than all hooks together may take (limits.hooks_timeout = {limits.hooks_timeout:g})",
                remedy="Lower it, or raise limits.hooks_timeout.",
            )


def _keys_have_time(settings: Settings) -> Iterator[Conflict]:
    tokens = settings.tokens
    if 0 < tokens.key_rotation < 2 * tokens.key_publish_delay:
        yield Conflict(
            location=("tokens", "key_rotation"),
            reason=f"keys would go before they are known (key_publish_delay = {tokens.key_publish_delay:g})",
            remedy="Raise it to twice that at least, or write 0.",
        )


def _seals_follow_each_other(settings: Settings) -> Iterator[Conflict]:
    if settings.store.seal_old and settings.store.seal is None:
        yield Conflict(
            location=("store", "seal_old"),
            reason="there is no new secret to seal with",
            remedy="Write store.seal as well.",
        )


def _administrators_have_credentials(settings: Settings) -> Iterator[Conflict]:
    admin = settings.upstream.admin
    if admin is None:
        return
    if (admin.client_id is None) != (admin.client_secret is None):
        missing = "client_secret" if admin.client_secret is None else "client_id"
        yield Conflict(
            location=("upstream", "admin", missing),
            reason="a client needs both an id and a secret",
            remedy=f"Write {missing} as well.",
        )
    elif admin.client_id is None and not admin.headers:
        yield Conflict(
            location=("upstream", "admin"),
            reason="there are no credentials",
            remedy="Write client_id and client_secret, or headers.",
        )


def _hooks_fit_their_kind(settings: Settings) -> Iterator[Conflict]:
    names: set[str] = set()
    for index, hook in enumerate(settings.hooks):
        if hook.kind is HookKind.URL:
            yield from find_http_conflicts(index, hook)
        else:
            for key in sorted({"format", "http", "needs_password"} & hook.model_fields_set):
                yield Conflict(
                    location=("hooks", index, key),
                    reason=f"only hooks behind a URL have {key}",
                    remedy=f"Remove {key}.",
                )
        yield from _script_keys_fit(index, hook)
        if hook.name is not None and hook.name in names:
            yield Conflict(
                location=("hooks", index, "name"),
                reason="another hook has this name, and logs could not tell them apart",
                remedy="Choose another name.",
            )
        names.add(hook.name or "")


def _script_keys_fit(index: int, hook: HookSettings) -> Iterator[Conflict]:
    if hook.kind is not HookKind.SCRIPT:
        for key in ("runtime", "env", "memory", "dependencies", "allow_net", "allow_read"):
            if key in hook.model_fields_set:
                reason = "only hooks in JavaScript have this"
                yield Conflict(location=("hooks", index, key), reason=reason, remedy=f"Remove {key}.")
    elif hook.runtime != "deno":
        for key in ("allow_net", "allow_read"):
            if key in hook.model_fields_set:
                reason = "Node.js cannot refuse it, so that allowing it would mean nothing"
                yield Conflict(location=("hooks", index, key), reason=reason, remedy='Write runtime = "deno".')


RULES: tuple[Callable[[Settings], Iterator[Conflict]], ...] = (
    _listeners,
    _upstream_is_another_server,
    _certificates_need_tls,
    _rewriting_needs_own_url,
    _workers_share_a_store,
    _store_has_a_folder,
    _times_fit,
    _keys_have_time,
    _seals_follow_each_other,
    _administrators_have_credentials,
    _hooks_fit_their_kind,
    *SMS_RULES,
)


def find_conflicts(settings: Settings) -> Iterator[Conflict]:
    """Yield every rule between keys that a configuration breaks."""
    for rule in RULES:
        yield from rule(settings)


def needs_upstream(settings: Settings) -> Iterator[Conflict]:
    """Yield what a reverse proxy lacks; a mounted middleware does without."""
    if settings.upstream.url is None:
        yield Conflict(
            location=("upstream", "url"),
            reason="the reverse proxy needs to know the OAuth server",
            remedy='Write under [upstream]: url = "http://127.0.0.1:3000"',
        )
