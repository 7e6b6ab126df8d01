"""Request targets that some server, framework or proxy takes for a given path, and ways to ask for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """A request target as it goes on the wire; `raw_path` is the part before the query, as an ASGI server reports it."""

    name: str
    target: bytes

    @property
    def raw_path(self) -> bytes:
        return self.target.partition(b"?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A method with additional header fields."""

    name: str
    method: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


ATTEMPTS = (
    Attempt(name="POST", method=b"POST"),
    Attempt(name="GET", method=b"GET"),
    Attempt(name="PUT", method=b"PUT"),
    Attempt(name="post", method=b"post"),
    Attempt(name="GET-override", method=b"GET", headers=((b"X-HTTP-Method-Override", b"POST"),)),
    Attempt(name="PUT-override", method=b"PUT", headers=((b"X-HTTP-Method", b"POST"),)),
    Attempt(name="GET-underscores", method=b"GET", headers=((b"X_Method_Override", b"POST"),)),
)

FORM = b"grant_type=client_credentials&scope=api%3Aread"


def write_request(spelling: Spelling, attempt: Attempt, *, host: bytes, body: bytes = FORM) -> bytes:
    """The bytes of one HTTP/1.1 request that asks the server to close the connection afterwards."""
    fields = [
        (b"Host", host),
        (b"Connection", b"close"),
        (b"Content-Type", b"application/x-www-form-urlencoded"),
        (b"Content-Length", str(len(body)).encode()),
        *attempt.headers,
    ]
    head = b"%s %s HTTP/1.1\r\n" % (attempt.method, spelling.target)
    return head + b"".join(b"%s: %s\r\n" % field for field in fields) + b"\r\n" + body


def spell(path: str, *, host: bytes = b"127.0.0.1") -> tuple[Spelling, ...]:
    """Other spellings of a path of two or more plain segments, `/oauth/token` for instance."""
    exact = path.encode()
    first, rest = exact[1:].split(b"/", 1)
    last = exact.rsplit(b"/", 1)[1]
    head = exact[: -len(last)]
    paths = {
        **_letters(exact, head, last),
        **_slashes(exact, first, rest, host),
        **_dots(exact, first, rest, head),
        **_endings(exact),
        **_forms(exact, host),
    }
    return tuple(Spelling(name=name, target=target) for name, target in paths.items())


def _escape(text: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in text)


def _fullwidth(text: bytes) -> bytes:
    return "".join(chr(byte + 0xFEE0) for byte in text).encode()


def _overlong(byte: int) -> bytes:
    return b"%%%02x%%%02x" % (0xC0 | byte >> 6, 0x80 | byte & 0x3F)


def _letters(exact: bytes, head: bytes, last: bytes) -> dict[str, bytes]:
    return {
        "upper": exact.upper(),
        "capital": head + last.capitalize(),
        "escaped_letter": head + _escape(last[:1]) + last[1:],
        "escaped_capital": head + _escape(last[:1].upper()) + last[1:],
        "escaped_first_letter": b"/" + _escape(exact[1:2]) + exact[2:],
        "escaped_all": b"/" + _escape(exact[1:]),
        "escaped_everything": _escape(exact),
        "escaped_twice": head + _escape(_escape(last[:1])) + last[1:],
        "escaped_percent": head + b"%25" + _escape(last[:1])[1:] + last[1:],
        "escaped_percent_thrice": head + b"%252525" + _escape(last[:1])[1:] + last[1:],
        "escaped_unicode": head + b"%%u00%02x" % last[0] + last[1:],
        "escaped_unicode_percent": head + b"%%25u00%02x" % last[0] + last[1:],
        "overlong_letter": head + _overlong(last[0]) + last[1:],
        "overlong_letter_3": head + b"%%e0%%%02x%%%02x" % (0x80 | last[0] >> 6, 0x80 | last[0] & 0x3F) + last[1:],
        "fullwidth_letter": head + _escape(_fullwidth(last[:1])) + last[1:],
        "fullwidth_all": head + _escape(_fullwidth(last)),
        "fullwidth_raw": head + _fullwidth(last),
        "soft_hyphen": head + last[:2] + b"%C2%AD" + last[2:],
        "zero_width": head + last[:2] + b"%E2%80%8B" + last[2:],
        "invalid_byte": head + last[:2] + b"%FF" + last[2:],
        "tab_inside": head + last[:2] + b"%09" + last[2:],
        "line_feed_inside": head + last[:2] + b"%0a" + last[2:],
        "bad_escape": head + b"%" + last,
    }


def _slashes(exact: bytes, first: bytes, rest: bytes, host: bytes) -> dict[str, bytes]:
    return {
        "double_slash_front": b"/" + exact,
        "triple_slash_front": b"//" + exact,
        "double_slash_inner": b"/" + first + b"//" + rest,
        "double_slash_end": exact + b"//",
        "network_path": b"//" + host + exact,
        "escaped_slash": b"/" + first + b"%2f" + rest,
        "escaped_slash_upper": b"/" + first + b"%2F" + rest,
        "escaped_slash_upper_case": (b"/" + first + b"%2f" + rest).upper(),
        "escaped_slash_front": b"/%2f" + exact[1:],
        "escaped_slash_first": b"%2f" + exact[1:],
        "escaped_slash_twice": b"/" + first + b"%252f" + rest,
        "overlong_slash": b"/" + first + b"%c0%af" + rest,
        "fullwidth_slash": b"/" + first + b"%ef%bc%8f" + rest,
        "division_slash": b"/" + first + b"%e2%88%95" + rest,
        "backslash": b"/" + first + b"\\" + rest,
        "backslash_front": b"\\" + exact[1:],
        "escaped_backslash": b"/" + first + b"%5c" + rest,
        "escaped_backslash_twice": b"/" + first + b"%255c" + rest,
        "slash_and_backslash": b"/" + first + b"/%5c" + rest,
    }


def _dots(exact: bytes, first: bytes, rest: bytes, head: bytes) -> dict[str, bytes]:
    return {
        "dot_front": b"/." + exact,
        "dot_inner": b"/" + first + b"/./" + rest,
        "dot_end": exact + b"/.",
        "dots_front": b"/x/.." + exact,
        "dots_above_root": b"/.." + exact,
        "dots_inner": b"/" + first + b"/x/../" + rest,
        "dots_end": exact + b"/x/..",
        "escaped_dot": b"/" + first + b"/%2e/" + rest,
        "escaped_dots": b"/x/%2e%2e" + exact,
        "half_escaped_dots": b"/x/.%2E" + exact,
        "escaped_dots_twice": b"/x/%252e%252e" + exact,
        "escaped_dots_and_slashes": b"/x%2f%2e%2e%2f" + exact[1:],
        "overlong_dots": b"/x/%c0%ae%c0%ae" + exact,
        "fullwidth_dots": b"/x/%ef%bc%8e%ef%bc%8e" + exact,
        "dots_parameter": b"/x/..;" + exact,
        "dots_over_empty_segment": head + b"x//../../" + exact[len(head) :],
        # Aliases only for who resolves dots before decoding, or drops parameters in between.
        "dots_over_escaped_slash": head + b"a%2fb/../" + exact[len(head) :],
        "dots_over_parameter": head + b"a;b%2fc/../" + exact[len(head) :],
        "dots_with_backslash": b"/x%5c..%5c" + exact[1:],
    }


def _endings(exact: bytes) -> dict[str, bytes]:
    endings = {
        "slash": b"/", "escaped_slash": b"%2f", "dot": b".", "escaped_dot": b"%2e", "space": b"%20", "plus": b"+",
        "no_break_space": b"%C2%A0", "tab": b"%09", "line_feed": b"%0a", "line_feed_escaped_twice": b"%250a",
        "return_line_feed": b"%0d%0a", "line_feed_and_more": b"%0a.json", "nul": b"%00", "nul_and_more": b"%00/x.json",
        "parameter": b";x", "parameter_value": b";x=1", "parameter_slash": b";x=/", "escaped_parameter": b"%3bx",
        "empty_parameter": b";", "extension": b".json", "extension_upper": b".JSON", "extension_slash": b".json/",
        "escaped_query": b"%3fx=1", "escaped_fragment": b"%23f", "fragment": b"#f", "raw_space": b" ", "raw_tab": b"\t",
        "raw_nul": b"\x00", "raw_byte": b"\xa0", "slash_dot": b"/.", "slashes_and_dots": b"/./.",
    }  # fmt: skip
    return {f"{name}_at_the_end": exact + ending for name, ending in endings.items()}


def _forms(exact: bytes, host: bytes) -> dict[str, bytes]:
    return {
        "parameter_first_segment": b"/" + exact[1:].replace(b"/", b";v=1/", 1),
        "space_in_segment": b"/" + exact[1:].replace(b"/", b"%20/", 1),
        "fragment_front": b"/#" + exact,
        "bare_query": exact + b"?",
        "query": exact + b"?x=1",
        "query_before": b"/x?" + exact,
        "query_copy": b"/x?path=" + exact,
        "root_query": b"/?" + exact,
        "absolute": b"http://" + host + exact,
        "absolute_upper": b"HTTP://" + host + exact,
        "absolute_elsewhere": b"http://elsewhere.example" + exact,
        "absolute_no_path": b"http://" + host + b"?" + exact,
        "authority": host,
        "no_slash": exact[1:],
        "asterisk": b"*",
    }
