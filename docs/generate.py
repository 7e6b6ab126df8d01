"""Writes the pages of docs/reference from the code: `make docs`.

With `--check` nothing is written; the exit code says whether a page is not what it should be.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import ModuleType

from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

import hookpoint
from hookpoint.hooks import FROZEN_CLAIMS, POINTS, events, options, results
from hookpoint.hooks.http import openapi
from hookpoint.hooks.rules import GUARDED_CLAIMS
from hookpoint.proxy.cli import app
from hookpoint.proxy.config import reference as configuration
from hookpoint.proxy.dialects import (
    AnswerPlaces,
    Denial,
    Dialect,
    DocumentDialect,
    EndpointDialect,
    Lookup,
    PasswordChangeRoute,
    SignUpRoute,
    Success,
    TokenDialect,
    UserCall,
    UserPlaces,
    places,
)
from hookpoint.proxy.observability import Metrics

PAGES = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by: make docs -->"
_COMMAND_COLUMNS = "100"


def hooks_page() -> str:
    """Points, events, results, options, and the claims that hooks may not write."""
    lines = [
        "# Hooks",
        _NOTE,
        "",
        "```python",
        "from hookpoint.hooks import CredentialsExchange, TokenChanges, credentials_exchange",
    ]
    lines += [
        "```",
        "",
        "A hook is a function that takes one event. It is registered by a decorator, in a file that the configuration names.",
    ]
    lines += [
        "It returns what it changes, or `None`, or raises `Deny`.",
        "",
        "## Points",
        "",
        "| point | decorator | event | result | blocking |",
    ]
    lines.append("|---|---|---|---|---|")
    for name, point in POINTS.items():
        outcome = " or ".join(f"`{kind.__name__}`" for kind in point.results) or "none"
        decorator = name.replace("-", "_")
        lines.append(
            f"| `{name}` | `{decorator}` | `{point.event.__name__}` | {outcome} | {'yes' if point.blocking else 'no'} |"
        )
    lines += ["", "## Options of the decorators", "", _prose(options.Options), "", *_table(options.Options)]
    lines += [
        "",
        "`when` takes lists of globs (`*`, `?`, `[seq]`) under `client_id`, `audience`, `scope` and `connection`.",
        "",
        "## Events",
    ]
    described = [events.Client, events.Request, events.User, events.Connection]
    for kind in [point.event for point in POINTS.values()] + described:
        lines += ["", f"### {kind.__name__}", "", _prose(kind), "", *_table(kind)]
    lines += ["", "## Results"]
    for kind in (results.TokenChanges, results.UserChanges, results.MessageChanges, results.Delivered):
        lines += ["", f"### {kind.__name__}", "", _prose(kind), "", *_table(kind)]
    lines += ["", "### Deny", "", "`Deny(code, reason, user_message=None)`", "", _prose(results.Deny)]
    lines += ["", "## Claims that hooks may not write", "", "Frozen, only the issuer sets them:"]
    lines += [
        " ".join(f"`{name}`" for name in sorted(FROZEN_CLAIMS)) + ".",
        "",
        "Guarded, they change otherwise or not at all:",
        "",
    ]
    lines += [f"- `{name}`: {remedy}" for name, remedy in GUARDED_CLAIMS.items()]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Every error class with its stable code."""
    lines = [
        "# Errors",
        _NOTE,
        "",
        "Codes are stable; logs carry them as `code`. The texts of these errors are for operators. What clients",
    ]
    lines += [
        "see is an OAuth error (RFC 6749 section 5.2) that says nothing of the inside; its `x-request-id` is the `request_id` in the log."
    ]
    for package in ("hooks", "proxy"):
        lines += ["", f"## hookpoint.{package}", "", "| code | class | meaning |", "|---|---|---|"]
        lines += [
            f"| `{code}` | `{kind.__name__}` | {_first_sentence(kind)} |"
            for code, kind in sorted(error_codes(f"hookpoint.{package}").items())
        ]
    lines += ["", "## What clients see at the token endpoint", "", "| status | error | when |", "|---|---|---|"]
    lines += [
        "| 400 | `invalid_request` | the request could mean different things to different parsers, or names the path in another spelling |",
        "| 400 | as the hook says | a hook refused; the status follows the dialect |",
        "| 405 | `invalid_request` | the method is not POST |",
        "| 408, 413, 415 | `invalid_request` | the body is too slow, too large, compressed or multipart |",
        "| 500 | `server_error` | a hook failed; no token was issued |",
        "| 502 | `server_error` | the server's answer or token cannot be used |",
        "| 503 | `temporarily_unavailable` | the server or its keys are not known yet, or too much waits |",
        "| 504 | `temporarily_unavailable` | the server did not answer in time |",
    ]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The help of every command."""
    lines = ["# Commands", _NOTE]
    for words in ([], *_commands()):
        text = CliRunner(env={"COLUMNS": _COMMAND_COLUMNS, "NO_COLOR": "1", "TERM": "dumb"}).invoke(
            app, [*words, "--help"]
        )
        title = " ".join(["hookpoint", *words])
        lines += [
            "",
            f"## {title}",
            "",
            "```text",
            *(line.rstrip() for line in text.output.strip().splitlines()),
            "```",
        ]
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every metric with its labels."""
    registry = CollectorRegistry()
    Metrics(registry)
    lines = [
        "# Metrics",
        _NOTE,
        "",
        "`GET /metrics` on `server.admin_listen`, in Prometheus' text format; the sums over all workers.",
    ]
    lines += [
        "`route` is the kind of a route (`token`, `sign_up`, `password_change`, `jwks`, `metadata`, `passed` …), never a path.",
        "",
    ]
    lines += ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for collector in dict.fromkeys(registry._names_to_collectors.values()):  # noqa: SLF001 - the registry has no other list
        labels = ", ".join(f"`{name}`" for name in collector._labelnames)  # type: ignore[attr-defined]  # noqa: SLF001
        for metric in collector.collect():
            suffix = "_total" if metric.type == "counter" else ""
            lines.append(f"| `{metric.name}{suffix}` | {metric.type} | {labels} | {metric.documentation} |")
    return "\n".join(lines) + "\n"


def dialects_page() -> str:
    """The words of dialect files."""
    lines = ["# Dialects", _NOTE, "", "The words of a dialect file. [How to write one](../how-to/write-a-dialect.md)."]
    lines += ["", "## The file", "", "| key | type | default | meaning |", "|---|---|---|---|"]
    lines.append(
        "| `extends` | text | none | The dialect, or the file, that this one changes: its tables are merged into those. |"
    )
    lines.append('| `base` | text | `""` | A path that stands for `{base}` in every text of the file. |')
    lines += _dialect_words(Dialect)
    for heading, kind in _DIALECT_PARTS.items():
        lines += ["", f"## {heading}", "", _prose(kind), "", "| key | type | default | meaning |", "|---|---|---|---|"]
        lines += _dialect_words(kind)
    lines += ["", "## Places", "", "```text", *_places_text(), "```"]
    return "\n".join(lines) + "\n"


_DIALECT_PARTS: dict[str, type[BaseModel]] = {
    "[token]": TokenDialect,
    "[documents]": DocumentDialect,
    "[endpoints]": EndpointDialect,
    "[sign_up.NAME]": SignUpRoute,
    "[password_change.NAME]": PasswordChangeRoute,
    "request": UserPlaces,
    "user": AnswerPlaces,
    "success": Success,
    "denial": Denial,
    "metadata, who": UserCall,
    "look_up": Lookup,
}


def _dialect_words(kind: type[BaseModel]) -> Iterator[str]:
    meanings = configuration.attribute_docstrings(kind)
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else _default_word(field.get_default(call_default_factory=True))
        yield f"| `{name}` | {_type_word(field.annotation)} | {default} | {meanings.get(name, '').replace('|', '/')} |"


def _type_word(annotation: object) -> str:
    choices = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    inner = [each for each in typing.get_args(annotation) if each not in (type(None), ...)]
    if typing.get_origin(annotation) is tuple:
        return f"list of {_type_word(inner[0])}"
    if typing.get_origin(annotation) is dict:
        return f"table of {_type_word(inner[1])}"
    if inner:
        return _type_word(inner[0])
    names: dict[object, str] = {str: "text", int: "number", bool: "boolean", typing.Any: "any"}
    return names.get(annotation, "table")


def _default_word(default: object) -> str:
    if default in (None, "", (), {}) or isinstance(default, BaseModel):
        return "none"
    if isinstance(default, tuple):
        return ", ".join("any 2xx" if isinstance(each, BaseModel) else f"`{each}`" for each in default)
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _places_text() -> list[str]:
    prose = inspect.cleandoc(places.__doc__ or "").splitlines()
    return [line.strip() for line in prose[2:]]


def error_codes(package: str) -> dict[str, type[Exception]]:
    """The error classes below a package, by code; raises ValueError when two share one."""
    found: dict[str, type[Exception]] = {}
    for module in _modules(package):
        for kind in vars(module).values():
            if not (inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == module.__name__):
                continue
            code = vars(kind).get("code")
            if isinstance(code, str) and found.setdefault(code, kind) is not kind:
                raise ValueError(f"{kind.__name__} and {found[code].__name__} share the code {code!r}")
    return found


def _modules(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    yield root
    for each in pkgutil.walk_packages(root.__path__, f"{package}."):
        if ".demo" not in each.name and not each.name.endswith("__main__"):
            yield importlib.import_module(each.name)


def _group() -> TyperGroup:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _commands() -> Iterator[list[str]]:
    """The words of every command: those of the group itself, and those of the groups in it, however deep."""
    group = _group()
    context = Context(group)
    for name in group.list_commands(context):
        yield from _words([name], group.get_command(context, name))


def _words(words: list[str], command: object) -> Iterator[list[str]]:
    yield words
    for name, each in getattr(command, "commands", {}).items():
        yield from _words([*words, name], each)


def _table(kind: type) -> list[str]:
    rows = [f"| `{each.name}` | `{_type(kind, each)}` | {_default(each)} |" for each in fields(kind)]
    return ["| field | type | default |", "|---|---|---|", *rows]


def _type(kind: type, each: Field[object]) -> str:
    annotation = each.type if isinstance(each.type, str) else str(each.type)
    hint = typing.get_type_hints(kind)[each.name]
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    return " or ".join(repr(choice) for choice in choices) or annotation.replace("|", "or")


def _default(each: Field[object]) -> str:
    if each.default is not MISSING:
        return f"`{each.default!r}`"
    return "required" if each.default_factory is MISSING else "empty"


def _prose(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _first_sentence(kind: type) -> str:
    return _prose(kind).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def openapi_page() -> str:
    """The OpenAPI document for authors of hooks over HTTP."""
    return json.dumps(openapi.document(), indent=2) + "\n"


WRITERS: dict[str, Callable[[], str]] = {
    "configuration.md": configuration.page,
    "hooks.md": hooks_page,
    "errors.md": errors_page,
    "commands.md": commands_page,
    "metrics.md": metrics_page,
    "dialects.md": dialects_page,
    "http-hooks.openapi.json": openapi_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them."""
    assert hookpoint.__version__
    wrong = 0
    for name, writer in WRITERS.items():
        path, text = PAGES / name, writer()
        if "--check" in arguments:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                wrong += 1
                sys.stderr.write(f"{path} is not what the code says; run: make docs\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
