"""Checks of hookpoint's own keys and of those that the upstream publishes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hookpoint.proxy.cli.checks.context import Unreachable, origin
from hookpoint.proxy.cli.checks.finding import error, fine
from hookpoint.proxy.tokens.errors import KeySetInvalid, SigningKeyError
from hookpoint.proxy.tokens.private_keys import read_keys
from hookpoint.proxy.tokens.public_keys import PublicKeySet

if TYPE_CHECKING:
    from hookpoint.proxy.cli.checks.context import CheckContext, Discovery
    from hookpoint.proxy.cli.checks.finding import Finding


async def keys_are_usable(context: CheckContext) -> list[Finding]:
    """Fetch the upstream's keys and see whether any may verify a token."""
    if not context.online:
        return []
    try:
        discovery = await context.discovery()
    except Unreachable:
        return []  # reported where reachability is looked at
    url = _place(context, discovery)
    if url is None:
        published = discovery.text("jwks_uri") if discovery else None
        return [_unusable(f"jwks_uri {published}", "leads to another origin, which is not fetched unasked")]
    try:
        answer = await (context.get(url) if url.startswith("/") else context.send("GET", url))
    except Unreachable as failure:
        return [_unusable(url, f"cannot be fetched: {failure}")]
    if answer.status != 200:
        return [_unusable(url, f"answers {answer.status}")]
    try:
        keys = PublicKeySet.parse(answer.body)
    except KeySetInvalid as failure:
        return [_unusable(url, str(failure))]
    collisions = _collisions(context, keys)
    if collisions:
        return collisions
    accepted = context.settings.tokens.upstream_algorithms
    usable = [key for key in keys.keys if any(key.serves(algorithm) for algorithm in accepted)]
    if not usable:
        return [_unusable(url, f"has no key for any of {', '.join(accepted)}")]
    return [fine("keys", f"{len(usable)} of {len(keys.members)} at {url} can verify tokens")]


async def own_keys_are_usable(context: CheckContext) -> list[Finding]:
    """Read the keys of the configuration; without any, they are made at the first start."""
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    for index, text in enumerate(context.settings.tokens.keys):
        place = f"tokens.keys[{index}]"
        try:
            keys = read_keys(text.get_secret_value().encode(), _algorithm(context))
        except SigningKeyError as failure:
            remedy = "Make one, for example with: openssl genpkey -algorithm ed25519"
            findings.append(error("keys", str(failure), key=place, remedy=remedy))
            continue
        for key in keys:
            other = seen.setdefault(key.algorithm.name, place)
            if other != place:
                reason = f"is for {key.algorithm.name}, as {other} is; each algorithm has one key"
                findings.append(error("keys", reason, key=place, remedy="Remove one of them."))
            else:
                findings.append(fine("keys", f"hookpoint signs {key.algorithm.name} with {key.kid}"))
    return findings


def _algorithm(context: CheckContext) -> str | None:
    algorithm = context.settings.tokens.algorithm
    return None if algorithm == "upstream" else algorithm


def _collisions(context: CheckContext, keys: PublicKeySet) -> list[Finding]:
    """Compare kids: a verifier that knows both keys by one name takes the wrong one (RFC 7517 §4.5)."""
    own: set[str] = set()
    for text in context.settings.tokens.keys:
        with suppress(SigningKeyError):  # reported where they are read
            own |= {key.kid for key in read_keys(text.get_secret_value().encode(), _algorithm(context))}
    return [
        error(
            "keys",
            f"the upstream has another key with the kid of hookpoint's own, {key.kid}",
            key="tokens.keys",
            remedy="Give hookpoint another key.",
        )
        for key in keys.keys
        if key.kid in own and key.material != key.kid
    ]


def _unusable(what: str, reason: str) -> Finding:
    remedy = "Set upstream.jwks_uri to where the upstream's keys are, and let it publish RSA, EC or Ed25519 keys."
    return error("keys", f"{what} {reason}", key="upstream.jwks_uri", remedy=remedy)


def _place(context: CheckContext, discovery: Discovery | None) -> str | None:
    """Return the upstream's path, or the allowed URL, where keys are read; None for a URL that is not allowed."""
    upstream = context.settings.upstream
    chosen = upstream.jwks_uri or (discovery.text("jwks_uri") if discovery else None)
    if chosen is None:
        return (*upstream.routes.jwks, context.dialect.documents.jwks)[0]
    issuer = discovery.text("issuer") if discovery else None
    # Behind the public origin stands the upstream itself: it is asked directly, as hookpoint does.
    if origin(chosen) in {upstream.url, context.public_origin, origin(issuer) if issuer else None}:
        return urlsplit(chosen).path
    return upstream.jwks_uri
