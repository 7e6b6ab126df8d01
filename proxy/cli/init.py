"""`hookpoint init`: a commented configuration and a first hook."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from hookpoint.proxy.dialects import dialect_names, load_dialect

_TEMPLATES = Path(__file__).parent / "templates"
_NEXT = """
Next:
  1. Write the address of your OAuth server into {file} (upstream.url).
  2. hookpoint check      says what does not fit yet
  3. hookpoint serve      listens on http://127.0.0.1:8080
  4. Change hooks.py; each function there is explained.
"""


def _known_dialect(name: str) -> str:
    if name not in dialect_names():
        raise typer.BadParameter(f"there are {', '.join(dialect_names())}")
    return name


DialectOption = Annotated[
    str, typer.Option(callback=_known_dialect, help=f"The kind of OAuth server: {', '.join(dialect_names())}.")
]


def init(
    dialect: DialectOption = "oidc",
    dir: Annotated[Path, typer.Option(file_okay=False, help="The folder to write to.")] = Path(),  # noqa: A002
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write hookpoint.toml, commented, and hooks.py with a first hook."""
    console = Console(stderr=True)
    files = {dir / name: text for name, text in starter_files(dialect).items()}
    present = [path for path in files if path.exists()]
    if present and not force:
        for path in present:
            console.print(Text(f"✗ {path} is there already", style="bold red"), soft_wrap=True)
        console.print(
            Text("  → Nothing was written. Use --force to overwrite, or --dir for another folder.", style="green")
        )
        raise typer.Exit(1)
    dir.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {path}")
    typer.echo(_NEXT.format(file=dir / "hookpoint.toml"), nl=False)


def starter_files(dialect: str) -> dict[str, str]:
    """Return the files of a new configuration for a dialect, text by name."""
    known = load_dialect(dialect)
    values = {
        "dialect": dialect,
        "title": known.title,
        "dialects": ", ".join(dialect_names()),
        "token_paths": ", ".join(f'"{path}"' for path in known.token.paths),
    }
    configuration = (_TEMPLATES / "hookpoint.toml").read_text(encoding="utf-8")
    return {
        "hookpoint.toml": Template(configuration).substitute(values),
        "hooks.py": (_TEMPLATES / "first_hooks.py").read_text(encoding="utf-8"),
    }
