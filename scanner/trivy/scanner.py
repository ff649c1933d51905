"""The image scanner: Trivy, in the sandbox, on one verified layout."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from scanner.model import Advisories, Scanner, ScanReport, Unexaminable
from scanner.ports import Layout
from scanner.sandbox import Completed, Exited, Limits, Preference, Sandbox, choose
from scanner.trivy import argv
from scanner.trivy.advisories import AdvisoryDirectory
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.fault import explain
from scanner.trivy.report import parse_report
from scanner.trivy.unread import unread

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyScanner:
    """Implements the pipeline's `ImageScanner`. Building one starts nothing."""

    trivy: Path
    bubblewrap: Path | None
    directory: AdvisoryDirectory
    sandbox: Preference = "auto"
    limits: Limits = field(default_factory=Limits)

    def describe(self) -> Scanner:
        """Name Trivy and the sandbox. Raises SandboxUnavailableError when either does not work."""
        sandbox = choose(self.sandbox, self.bubblewrap)
        binary = TrivyBinary.inspect(self.trivy, sandbox)
        return Scanner(
            name="trivy",
            version=binary.version,
            digest=binary.digest,
            isolation=sandbox.isolation,
        )

    def advisories(self) -> Advisories:
        """Name the current database. Raises AdvisoriesError: none is in place, or it is damaged."""
        return self.directory.current()[0]

    def scan(self, layout: Layout, *, advisories: Advisories) -> ScanReport | Unexaminable:
        """Examine the layout's image against the database that has this digest.

        Raises:
            AdvisoriesError: that database is gone, or Trivy cannot use it.
            SandboxUnavailableError: no sandbox can be built; Trivy was not run.
        """
        sandbox = choose(self.sandbox, self.bubblewrap)
        binary = TrivyBinary.inspect(self.trivy, sandbox)
        databases = self.directory.find(advisories)
        with ThreadPoolExecutor(1) as beside:
            unread_files = beside.submit(unread, layout.layers())
            seen = examine(layout.path, binary, sandbox, databases, self.limits)
        if isinstance(seen, Unexaminable):
            return seen
        return seen.without(unread_files.result())


def examine(
    layout: Path, binary: TrivyBinary, sandbox: Sandbox, databases: Path, limits: Limits
) -> ScanReport | Unexaminable:
    """Run Trivy over one layout with the databases of one directory.

    Raises:
        AdvisoriesError: Trivy cannot use the databases.
        SandboxUnavailableError: no sandbox can be built, or the layout cannot be read in it.
    """
    began = time.monotonic()
    completed = sandbox.run(
        binary.path,
        argv.scan(),
        read_only={f"/{argv.IMAGE}": layout, f"/{argv.CACHE}": databases},
        environment=argv.environment(limits),
        limits=limits,
    )
    logger.info(
        "trivy.ended exit=%s seconds=%.2f report_bytes=%d",
        completed.exit,
        time.monotonic() - began,
        len(completed.untrusted_stdout),
    )
    return _judge(completed, limits)


def _judge(completed: Completed, limits: Limits) -> ScanReport | Unexaminable:
    if completed.exit == Exited(0):
        return parse_report(
            completed.untrusted_stdout,
            completed.untrusted_stderr,
            has_all_messages=len(completed.untrusted_stderr) < limits.stderr_bytes,
        )
    return explain(completed.exit, completed.untrusted_stderr)
