"""Section [limits]: how long, how large, how many."""

from __future__ import annotations

from hookpoint.proxy.config.section import Bytes, Count, Seconds, Section


class LimitSettings(Section):
    """Bounds on time, size and number; times are seconds, sizes are bytes."""

    connect_timeout: Seconds = 3.0
    """Opening a connection to the upstream, TLS included."""

    upstream_header_timeout: Seconds = 30.0
    """From the end of a request to the upstream's response headers."""

    idle_timeout: Seconds = 60.0
    """Silence between two pieces of a body that streams either way."""

    token_timeout: Seconds = 60.0
    """An intercepted request from its first byte to its answer: upstream and hooks together."""

    body_timeout: Seconds = 30.0
    """Receiving the body of an intercepted request from the client."""

    hook_timeout: Seconds = 3.0
    """One hook, unless the hook or its `[[hooks]]` entry says otherwise."""

    hooks_timeout: Seconds = 5.0
    """All hooks of one request together."""

    client_header_timeout: Seconds = 10.0
    """Receiving the headers of a request from the client."""

    header_count: Count = 100
    """Header fields of a request."""

    header_bytes: Bytes = 32 * 1024
    """All header fields of a request together."""

    target_bytes: Bytes = 8 * 1024
    """The request target: path and query."""

    intercepted_body_bytes: Bytes = 64 * 1024
    """The body of an intercepted request; other bodies stream and have no limit here."""

    upstream_connections: Count = 100
    """Connections to the upstream that are open at one time, in each worker."""

    upstream_queue: Count = 1000
    """Requests that wait for one of those connections; more are answered 503 with Retry-After."""

    drain_timeout: Seconds = 30.0
    """How long running requests may take to finish when the server stops."""
