"""What is built holds everything, brings one name, and runs."""

from __future__ import annotations

import configparser
import importlib.util
import shutil
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.packaging.builds import (
    PACKAGES,
    PROJECT,
    Built,
    Environment,
    build,
    build_both,
    install,
    package_files,
    sdist_members,
    wheel_files,
)
from tests.partners.requirement import require

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]

IMPORT_ALL = """
import importlib, pkgutil, sys
import hookpoint
print(hookpoint.__file__)
for found in pkgutil.walk_packages(hookpoint.__path__, "hookpoint."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
        print(found.name)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project as a clone on a system without links has it: nobody edits it while tests run."""
    tree = tmp_path_factory.mktemp("tree") / "hookpoint"
    links = {str(PROJECT / "src" / "hookpoint" / name) for name in PACKAGES}
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "node_modules", "__pycache__", ".*_cache", ".hypothesis", ":memory:"
    )

    def leave_out(folder: str, names: list[str]) -> set[str]:
        return ignored(folder, names) | {name for name in names if str(Path(folder) / name) in links}

    shutil.copytree(PROJECT, tree, ignore=leave_out)
    return tree


@pytest.fixture(scope="module")
def linked_tree(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the links in src/hookpoint, as developers have it."""
    linked = tmp_path_factory.mktemp("linked") / "hookpoint"
    shutil.copytree(tree, linked)
    for name in PACKAGES:
        (linked / "src" / "hookpoint" / name).symlink_to(Path("../..") / name, target_is_directory=True)
    return linked


@pytest.fixture(scope="module")
def built(linked_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    require(importlib.util.find_spec("hatchling"), "hatchling, which builds the package")
    return build_both(linked_tree, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(built.wheel, tmp_path_factory.mktemp("environment") / "venv")


def test_links_are_as_they_are_taken_for() -> None:
    for name in PACKAGES:
        link = PROJECT / "src" / "hookpoint" / name
        assert link.is_symlink()
        assert link.resolve() == PROJECT / name
        assert not link.readlink().is_absolute()


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(built: Built, tree: Path) -> None:
    found = {name: data for name, data in wheel_files(built.wheel).items() if ".dist-info/" not in name}
    expected = package_files(tree)
    assert found.keys() == expected.keys()
    assert found == expected
    data = {name for name in found if not name.endswith(".py")}
    assert {"hookpoint/py.typed", "hookpoint/proxy/dialects/oidc.toml"} <= data
    assert "hookpoint/proxy/cli/templates/hookpoint.toml" in data


def test_a_tree_without_links_gives_the_same_wheel(built: Built, tree: Path, tmp_path: Path) -> None:
    assert not any((tree / "src" / "hookpoint" / name).exists() for name in PACKAGES)
    assert wheel_files(build_both(tree, tmp_path).wheel) == wheel_files(built.wheel)


def test_the_tree_itself_gives_the_same_wheel_as_the_sdist(built: Built, linked_tree: Path, tmp_path: Path) -> None:
    build(linked_tree, tmp_path, "--wheel")
    assert wheel_files(next(tmp_path.glob("*.whl"))) == wheel_files(built.wheel)


def test_the_sdist_holds_each_folder_once(built: Built, tree: Path) -> None:
    members = sdist_members(built.sdist)
    assert not [name for name, member in members.items() if member.issym() or member.islnk()]
    assert not [name for name in members if name.startswith(tuple(f"src/hookpoint/{each}" for each in PACKAGES))]
    assert not [name for name in members if "node_modules" in name or "__pycache__" in name]
    sources = {name.removeprefix("hookpoint/") for name in package_files(tree)} - {"__init__.py", "py.typed"}
    assert sources <= members.keys()
    assert {"README.md", "pyproject.toml", "Makefile", "docs/tutorial.md", "tests/constraints.txt"} <= members.keys()


def test_the_metadata_says_what_the_project_is(built: Built) -> None:
    files = wheel_files(built.wheel)
    folder = next(name.partition("/")[0] for name in files if ".dist-info/" in name)
    metadata = message_from_bytes(files[f"{folder}/METADATA"])
    assert metadata["Name"] == "hookpoint"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "# hookpoint" in str(metadata.get_payload())
    scripts = configparser.ConfigParser()
    scripts.read_string(files[f"{folder}/entry_points.txt"].decode())
    assert scripts["console_scripts"]["hookpoint"] == "hookpoint.proxy.cli:main"


def test_one_name_comes_into_site_packages(environment: Environment) -> None:
    names = sorted(environment.added)
    assert len(names) == 2
    assert names[0] == "hookpoint"
    assert names[1].startswith("hookpoint-")
    assert names[1].endswith(".dist-info")


def test_everything_in_it_can_be_imported(environment: Environment, tree: Path, tmp_path: Path) -> None:
    done = environment.run("python", "-P", "-c", IMPORT_ALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    where, *imported = done.stdout.splitlines()
    assert Path(where).is_relative_to(environment.folder)
    packages = {
        name.removesuffix("/__init__.py").replace("/", ".")
        for name in package_files(tree)
        if name.count("/") > 1 and name.endswith("/__init__.py")
    }
    assert packages
    assert packages <= set(imported)


def test_the_demo_goes_as_told(environment: Environment, tmp_path: Path) -> None:
    done = environment.run("hookpoint", "demo", "--once", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout


def test_files_that_commands_read_are_there(environment: Environment, tmp_path: Path) -> None:
    for arguments in (
        ["init", "--dialect", "auth0"],
        ["check", "--offline"],
        ["hooks", "test", "credentials-exchange"],
    ):
        done = environment.run("hookpoint", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
