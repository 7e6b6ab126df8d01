"""Runs the pinned pyright over the public API, as `[tool.pyright]` says: `python -m tests.typing`."""

from __future__ import annotations

import subprocess
import sys

from tests.partners.node import node_modules, require_node


def main() -> int:
    """Return pyright's exit code."""
    pyright = [str(require_node().executable), str(node_modules() / "pyright" / "index.js")]
    return subprocess.run([*pyright, "--pythonpath", sys.executable], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
