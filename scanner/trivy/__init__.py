"""Trivy, run in the sandbox, and the advisories that it matches against."""

from scanner.trivy.advisories import AdvisoryDirectory
from scanner.trivy.scanner import TrivyScanner
from scanner.trivy.shared import SharedAdvisories
from scanner.trivy.update import update

__all__ = ["AdvisoryDirectory", "SharedAdvisories", "TrivyScanner", "update"]
