"""What checks have at hand: the configuration, the dialect, and the upstream's answers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from hookpoint.hooks.strict_json import JsonError, JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookpoint.proxy.config import Settings
    from hookpoint.proxy.dialects import Dialect

MAX_DOCUMENT = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer; `body` ends where documents become too large to be one."""

    status: int
    body: bytes
    content_type: str = ""

    def members(self) -> Mapping[str, object] | None:
        """Return the members of the JSON object that the body is, if it is one."""
        try:
            return JsonObject.parse(self.body).members
        except JsonError:
            return None


class Unreachable(Exception):  # noqa: N818 - a state, not a mistake
    """No answer came; the message says why and is fit to print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The metadata that the upstream publishes, and the path where it was found."""

    path: str
    members: Mapping[str, object]

    def text(self, name: str) -> str | None:
        """Return a member that is text."""
        value = self.members.get(name)
        return value if isinstance(value, str) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a member that is a list."""
        value = self.members.get(name)
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()


class CheckContext:
    """Carries what one run of the checks shares; the upstream is asked for each document once."""

    def __init__(self, settings: Settings, dialect: Dialect, *, offline: bool = False) -> None:
        """Nothing is sent before a check asks for it, and nothing at all when `offline`."""
        self.settings = settings
        self.dialect = dialect
        self.offline = offline
        self._answers: dict[str, Fetched | Unreachable] = {}

    @property
    def online(self) -> bool:
        """Tell whether there is an upstream to ask."""
        return not self.offline and self.settings.upstream.url is not None

    @property
    def public_origin(self) -> str | None:
        """Return the origin that clients see, as far as the configuration says."""
        if self.settings.server.public_url or not self.settings.upstream.issuer:
            return self.settings.server.public_url
        return origin(self.settings.upstream.issuer)

    def discovery_paths(self) -> tuple[str, ...]:
        """Return where metadata may be: the configured paths or the dialect's."""
        issuer_path = urlsplit(self.settings.upstream.issuer or "").path.rstrip("/")
        paths = self.settings.upstream.routes.discovery or self.dialect.documents.discovery
        return tuple(dict.fromkeys(path.replace("{issuer}", issuer_path) for path in paths))

    async def discovery(self) -> Discovery | None:
        """Return the upstream's metadata, or None when it publishes none; raises Unreachable."""
        for path in self.discovery_paths():
            answer = await self.get(path)
            members = answer.members() if answer.status == 200 else None
            if members is not None:
                return Discovery(path=path, members=members)
        return None

    async def get(self, path: str) -> Fetched:
        """Return the upstream's answer to GET as hookpoint would forward it; raises Unreachable."""
        if path not in self._answers:
            try:
                self._answers[path] = await self.send("GET", f"{self.settings.upstream.url}{path}")
            except Unreachable as failure:
                self._answers[path] = failure
        answer = self._answers[path]
        if isinstance(answer, Unreachable):
            raise answer
        return answer

    async def send(
        self, method: str, url: str, *, secret: bool = True, form: Mapping[str, str] | None = None
    ) -> Fetched:
        """Return the answer to a request, with or without the secret header; raises Unreachable."""
        limits = self.settings.limits
        timeout = httpx2.Timeout(limits.idle_timeout, connect=limits.connect_timeout, read=10.0)
        try:
            async with (
                httpx2.AsyncClient(
                    verify=self._trust, timeout=timeout, trust_env=False, follow_redirects=False
                ) as client,
                client.stream(method, url, headers=self._headers(url, secret=secret), data=form) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_DOCUMENT:
                        break
                return Fetched(
                    status=response.status_code,
                    body=bytes(body[: MAX_DOCUMENT + 1]),
                    content_type=response.headers.get("content-type", ""),
                )
        except httpx2.TimeoutException as failure:
            raise Unreachable("no answer in time") from failure
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as failure:
            raise Unreachable(str(failure) or type(failure).__name__) from failure

    def _headers(self, url: str, *, secret: bool) -> dict[str, str]:
        upstream = self.settings.upstream
        headers = {"accept": "application/json"}
        if upstream.url is None or origin(url) != upstream.url:
            return headers
        if self.public_origin:
            public = urlsplit(self.public_origin)
            headers |= {
                "host": public.netloc,
                "x-forwarded-host": public.netloc,
                "x-forwarded-proto": public.scheme,
            }
        if secret and upstream.secret_header:
            headers[upstream.secret_header.name] = upstream.secret_header.value.get_secret_value()
        return headers

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.settings.upstream.ca_file)


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, default ports left out."""
    parts = urlsplit(url)
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}"
