"""Trivy, run in the sandbox, and the advisories that it matches against."""

from scanner.trivy.advisories import AdvisoryDirectory
from scanner.trivy.scanner import TrivyScanner
from scanner.trivy.update import PUBLIC_SOURCES, AdvisorySource, update

__all__ = ["PUBLIC_SOURCES", "AdvisoryDirectory", "AdvisorySource", "TrivyScanner", "update"]
