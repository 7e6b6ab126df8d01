"""Install the npm packages that the tests need: `python -m tests.partners.install`."""

from __future__ import annotations

import sys

from tests.partners.node import find_node, node_modules
from tests.partners.requirement import PartnerMissingError


def main() -> int:
    """Install once, say what is used, and return the exit code: 1 when Node or the registry is missing."""
    try:
        folder = node_modules()
    except PartnerMissingError as missing:
        print(f"partners: {missing}", file=sys.stderr)
        return 1
    print(f"partners: Node {find_node().version}, packages in {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
