"""Fetch the public advisory databases, prove them, and only then switch to them."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scanner.errors import AdvisoriesError
from scanner.model import Advisories
from scanner.sandbox import Exited, Limits, Preference, Sandbox, choose, run_trusted
from scanner.trivy import argv
from scanner.trivy.advisories import AdvisoryDirectory, make_ready, read_updated_at
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.canary import require_known, write_canary
from scanner.trivy.text import visible
from scanner.trivy.whole_image import examine

logger = logging.getLogger(__name__)

_DOWNLOAD_SECONDS = 900.0
_CANARY_LIMITS = Limits(wall_seconds=60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorySource:
    """Where the two databases are published, as OCI references that Trivy takes."""

    database: str
    java_database: str


# Trivy's own defaults, in its own order.
PUBLIC_SOURCES = (
    AdvisorySource(
        database="mirror.gcr.io/aquasec/trivy-db:2",
        java_database="mirror.gcr.io/aquasec/trivy-java-db:1",
    ),
    AdvisorySource(
        database="ghcr.io/aquasecurity/trivy-db:2",
        java_database="ghcr.io/aquasecurity/trivy-java-db:1",
    ),
)


def update(
    directory: AdvisoryDirectory,
    *,
    trivy: Path,
    sandbox: Preference = "auto",
    bubblewrap: Path | None,
    sources: Sequence[AdvisorySource] = PUBLIC_SOURCES,
) -> Advisories:
    """Replace the current advisories by the newest published ones.

    Trivy fetches them outside the sandbox, with network and nothing else, into a new directory. A
    canary is then scanned in the sandbox; its known vulnerabilities must be found. Until the switch
    nothing of what is in place is touched.

    Raises:
        AdvisoriesError: no source answered, or what it gave is older than the current, damaged, or
            blind; the current advisories stay.
        SandboxUnavailableError: Trivy or the sandbox does not work here.
    """
    chosen = choose(sandbox, bubblewrap)
    binary = TrivyBinary.inspect(trivy, chosen)
    with directory.staging() as staged:
        source = _download(binary, sources, staged)
        make_ready(staged)
        _refuse_older(read_updated_at(staged), directory)
        _prove(staged, binary, chosen)
        return directory.adopt(staged, source=source.database)


def _download(binary: TrivyBinary, sources: Sequence[AdvisorySource], into: Path) -> AdvisorySource:
    """Try one source after another, so that it is known which one answered."""
    reasons = []
    for source in sources:
        reason = _fetch(binary, argv.download_database(str(into), source.database)) or _fetch(
            binary, argv.download_java_database(str(into), source.java_database)
        )
        if not reason:
            return source
        reasons.append(f"{source.database}: {reason}")
        logger.warning("advisories.unreachable source=%s reason=%s", source.database, reason)
    raise AdvisoriesError(f"no advisories could be fetched: {'; '.join(reasons)}")


def _fetch(binary: TrivyBinary, arguments: list[str]) -> str:
    """Run one download; return why it failed, or nothing."""
    with tempfile.TemporaryDirectory(prefix="pushscan-download-") as home:
        completed = run_trusted(
            binary.path,
            arguments,
            environment={"HOME": home, "TMPDIR": home, "PATH": "/nonexistent"},
            wall_seconds=_DOWNLOAD_SECONDS,
        )
    if completed.exit == Exited(0):
        return ""
    # Trivy wraps an error in what it was doing, over several lines; the last one is the cause.
    lines = completed.untrusted_stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    cause = lines[-1].strip(" \t*") if lines else ""
    return visible(cause, 300) or str(completed.exit)


def _refuse_older(updated_at: datetime, directory: AdvisoryDirectory) -> None:
    try:
        current, _ = directory.current()
    except AdvisoriesError:
        return  # nothing usable is in place: whatever is proved is better
    if not current.is_sample and updated_at < current.updated_at:
        raise AdvisoriesError(
            f"the source gave advisories of {updated_at.isoformat()}, older than the current ones"
            f" of {current.updated_at.isoformat()}"
        )


def _prove(staged: Path, binary: TrivyBinary, sandbox: Sandbox) -> None:
    with tempfile.TemporaryDirectory(prefix="pushscan-canary-") as scratch:
        write_canary(Path(scratch) / "image")
        require_known(examine(Path(scratch) / "image", binary, sandbox, staged, _CANARY_LIMITS))
