"""The settings for the scanner's programs and its advisories."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import advisory_settings
from scanner.advisory_settings import AdvisorySettings
from scanner.environment import Environment

if TYPE_CHECKING:
    from scanner.sandbox import Preference


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerSettings:
    """Where the scanner's programs are, and its advisories."""

    advisories: Path
    advisory_updates: AdvisorySettings
    trivy: Path
    sandbox: "Preference"
    bubblewrap: Path | None
    """None where bubblewrap is not to be used."""
    names_storage: bool
    """Whether there is storage to share advisories through."""


def read(environment: Environment) -> ScannerSettings:
    """Read these settings; faults are noted in the environment."""
    sandbox: Preference = environment.parsed(
        "PUSHSCAN_SANDBOX", _preference, "auto", "auto, bubblewrap or landlock"
    )
    # Without it `auto` would quietly be `landlock`: whoever wants that says so.
    needed = environment.optional if sandbox == "landlock" else environment.required
    bubblewrap = needed("PUSHSCAN_BUBBLEWRAP")
    return ScannerSettings(
        advisories=Path(environment.required("PUSHSCAN_ADVISORIES")),
        advisory_updates=advisory_settings.read(environment),
        trivy=Path(environment.required("PUSHSCAN_TRIVY")),
        sandbox=sandbox,
        bubblewrap=Path(bubblewrap) if bubblewrap else None,
        names_storage=any(
            map(environment.optional, ("PUSHSCAN_STORAGE", "PUSHSCAN_STORAGE__accountName"))
        ),
    )


def _preference(text: str) -> "Preference":
    known: tuple[Preference, ...] = ("auto", "bubblewrap", "landlock")
    return known[known.index(text)]
