"""The types of the public interface are promises: right hooks pass both checkers, and each wrong line is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mypy.main import process_options

from tests.typing.checkers import check_with_mypy, check_with_pyright

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ACCEPTED = HERE / "accepted.py"
MARK = "# refused"
PUBLIC = (
    *sorted((ROOT / "hooks").rglob("*.py")),
    ROOT / "proxy" / "__init__.py",
    *sorted((ROOT / "providers").rglob("*.py")),
)


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """The wrong lines, without the comment that keeps them out of the project's own check."""
    path = tmp_path / "refused.py"
    path.write_text((HERE / "refused.py").read_text().replace("# mypy: ignore-errors", "#", 1))
    return path


def marked_lines(path: Path) -> set[int]:
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if line.endswith(MARK)}


def test_right_hooks_pass_mypy() -> None:
    findings = check_with_mypy(ROOT, [ACCEPTED])
    assert (findings.files, findings.errors) == (1, {})


@pytest.mark.parametrize("strict", [False, True], ids=["standard", "strict"])
def test_right_hooks_pass_pyright(tmp_path: Path, strict: bool) -> None:
    findings = check_with_pyright(ROOT, [ACCEPTED], tmp_path, strict=strict)
    assert (findings.files, findings.errors) == (1, {})


def test_mypy_refuses_each_wrong_line_and_no_other(refused: Path) -> None:
    findings = check_with_mypy(ROOT, [refused])
    assert findings.files == 1
    assert set(findings.errors) == marked_lines(refused)
    assert all(len(messages) == 1 for messages in findings.errors.values())


def test_pyright_refuses_each_wrong_line_and_no_other(refused: Path, tmp_path: Path) -> None:
    findings = check_with_pyright(ROOT, [refused], tmp_path)
    assert findings.files == 1
    assert set(findings.errors) == marked_lines(refused)  # what fits no overload is told once for each


def test_the_public_interface_passes_pyright(tmp_path: Path) -> None:
    findings = check_with_pyright(ROOT, PUBLIC, tmp_path)
    assert (findings.files, findings.errors) == (len(PUBLIC), {})


def test_mypy_looks_at_every_source_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sources, _ = process_options([])
    looked_at = {os.path.realpath(str(source.path)) for source in sources if (source.path or "").endswith(".py")}
    folders = [ROOT / name for name in ("hooks", "providers", "proxy", "tests")]
    written = {
        str(path.resolve()) for folder in folders for path in folder.rglob("*.py") if "node_modules" not in path.parts
    }
    written.add(str((ROOT / "src" / "hookpoint" / "__init__.py").resolve()))
    assert looked_at == written
