"""`python -m tests.security.supply audit|sbom`: what hookpoint is made of, held against known vulnerabilities, or written down."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.security.supply.bill import bill_of_materials
from tests.security.supply.closure import ROOT, Package, installed_closure

BILL = Path(__file__).parents[3] / "dist" / "hookpoint.cdx.json"
_SECONDS = 45


def main() -> int:
    """Do one of both; the exit code of an audit is not zero when a vulnerability is known."""
    match sys.argv[1:]:
        case ["audit"]:
            return audit(installed_closure())
        case ["sbom"]:
            BILL.parent.mkdir(exist_ok=True)
            BILL.write_text(bill_of_materials(installed_closure()))
            print(f"sbom: {BILL}")
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


def audit(packages: Sequence[Package]) -> int:
    """Ask for what is known of each package; where nobody answers, say so and let it pass: then nothing is known either way."""
    pins = [f"{each.name}=={each.version}" for each in packages if each.name != ROOT]
    with tempfile.TemporaryDirectory(prefix="hookpoint-audit-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(pins))
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--no-deps", "--disable-pip"]
        command += ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            print(f"audit: not done: no answer within {_SECONDS} s")
            return 0
    return judge(done.stdout, done.stderr)


def judge(report: str, errors: str) -> int:
    """Say what a report of pip-audit means; returns the exit code."""
    try:
        found = json.loads(report)["dependencies"]
    except ValueError:
        print(f"audit: not done: {(errors.strip().splitlines() or ['pip-audit said nothing'])[-1]}")
        return 0
    vulnerable = [each for each in found if each.get("vulns")]
    for each in vulnerable:
        for known in each["vulns"]:
            repaired = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"audit: {each['name']} {each['version']}: {known['id']}, repaired in {repaired}")
    skipped = sum("skip_reason" in each for each in found)
    print(f"audit: {len(found) - skipped} of {len(found)} packages looked up, {len(vulnerable)} vulnerable")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    raise SystemExit(main())
