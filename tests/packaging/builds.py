"""Builds hookpoint from a tree, and installs a wheel in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGES = ("hooks", "providers", "proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A source distribution, and the wheel that was built from it."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment in which a wheel is installed; `added` are the names that came into its site-packages."""

    folder: Path
    added: frozenset[str]

    def run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, knowing nothing of the one that the tests run in."""
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=cwd,
            env={**_foreign_to_python(os.environ), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def build(tree: Path, outdir: Path, *options: str) -> None:
    """Build with what is installed here, as nothing is downloaded in tests; without options, the wheel from the sdist."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(outdir), *options, str(tree)]
    done = subprocess.run(command, env=_foreign_to_python(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def build_both(tree: Path, outdir: Path) -> Built:
    """Build the sdist, and the wheel from what is in it."""
    build(tree, outdir)
    return Built(sdist=next(outdir.glob("*.tar.gz")), wheel=next(outdir.glob("*.whl")))


def install(wheel: Path, folder: Path) -> Environment:
    """Install a wheel alone in a new environment, which sees the dependencies that are installed here behind its own.

    The line of a .pth file does not make Python read the .pth files of that folder, and so not that of an editable hookpoint.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    before = {path.name for path in site.iterdir()}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder)]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    added = frozenset(path.name for path in site.iterdir()) - before
    here = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (site / "dependencies.pth").write_text("\n".join(here) + "\n")
    return Environment(folder=folder, added=added)


def wheel_files(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_members(sdist: Path) -> dict[str, tarfile.TarInfo]:
    """Return the members of a source distribution, by name below its one folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2]: member for member in archive.getmembers()}


def package_files(tree: Path) -> dict[str, bytes]:
    """Return the files that a wheel of this tree must hold, by the name that they have there."""
    files = {f"hookpoint/{name}": (tree / "src/hookpoint" / name).read_bytes() for name in ("__init__.py", "py.typed")}
    for package in PACKAGES:
        for path in (tree / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"hookpoint/{path.relative_to(tree).as_posix()}"] = path.read_bytes()
    return files


def _foreign_to_python(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(("PYTHON", "HOOKPOINT_"))}
