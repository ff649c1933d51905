"""What `trivy image --severity HIGH,CRITICAL --exit-code 1` says of the same image."""

import json
import subprocess
from pathlib import Path

from local.samples.advisories import write_database
from tests.sandbox_programs import trivy_path
from tests.scenarios.cases import Scenario

_SECONDS = 60
_FLAGS = ("--skip-db-update", "--skip-java-db-update", "--offline-scan", "--skip-version-check")
_QUIET = ("--disable-telemetry", "--no-progress", "--quiet")


def run(scenario: Scenario, folder: Path) -> tuple[int, str]:
    """Return the exit status, and in a few words what it found."""
    write_database(folder / "cache", updated_at=scenario.advisories_of, more=scenario.advisories)
    built = scenario.pushes[-1].build(folder / "image")
    completed = subprocess.run(  # noqa: S603  our own program and arguments
        [
            *(trivy_path(), "--cache-dir", folder / "cache", "image", *_FLAGS, *_QUIET),
            *("--severity", "HIGH,CRITICAL", "--exit-code", "1", "--format", "json"),
            *("--input", built.layout),
        ],
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        env={"HOME": str(folder)},
        cwd=folder,
    )
    report = json.loads(completed.stdout)
    found = [
        entry.get("VulnerabilityID") or entry["RuleID"]
        for result in report.get("Results") or ()
        for entry in (*result.get("Vulnerabilities", ()), *result.get("Secrets", ()))
    ]
    return completed.returncode, ", ".join(sorted(set(found))) or "nothing"
