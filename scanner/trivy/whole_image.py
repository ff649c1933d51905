"""Trivy over a whole image at once: to prove advisories by, and to compare layers with."""

import logging
import time
from pathlib import Path

from scanner.model import ScanReport, Unexaminable
from scanner.sandbox import Completed, Exited, Limits, Sandbox
from scanner.trivy import argv
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.fault import explain
from scanner.trivy.report import parse_report

logger = logging.getLogger(__name__)


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
