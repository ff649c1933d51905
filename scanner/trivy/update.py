"""Fetch the public advisory databases, prove them, and only then switch to them."""

import logging
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from scanner.advisory_ports import AccessTo, RegistryAccess
from scanner.errors import AdvisoriesError, RegistryError
from scanner.model import Advisories
from scanner.model.advisory_source import PUBLIC_SOURCES, AdvisorySource
from scanner.sandbox import Exited, Limits, Preference, Sandbox, choose, run_trusted
from scanner.text import visible
from scanner.trivy import argv
from scanner.trivy.advisories import AdvisoryDirectory, make_ready, read_updated_at
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.canary import require_known, write_canary
from scanner.trivy.whole_image import examine

logger = logging.getLogger(__name__)

_DOWNLOAD_SECONDS = 1200.0
"""For all sources together: the host lets a function run for 30 minutes."""
_CANARY_LIMITS = Limits(wall_seconds=60.0)


def _anonymous(_: str) -> RegistryAccess | None:
    return None


def update(
    directory: AdvisoryDirectory,
    *,
    trivy: Path,
    sandbox: Preference = "auto",
    bubblewrap: Path | None,
    sources: Sequence[AdvisorySource] = PUBLIC_SOURCES,
    access_to: AccessTo = _anonymous,
    allow_older: bool = False,
) -> Advisories:
    """Replace the current advisories by the newest published ones.

    Trivy fetches them outside the sandbox, with network and at most a token to pull them, into a
    new directory. A canary is then scanned in the sandbox; its known vulnerabilities must be found.
    Until the switch nothing of what is in place is touched.

    Raises:
        AdvisoriesError: no source answered, or what it gave is older than the current, damaged, or
            blind; the current advisories stay.
        SandboxUnavailableError: Trivy or the sandbox does not work here.
    """
    chosen = choose(sandbox, bubblewrap)
    binary = TrivyBinary.inspect(trivy, chosen)
    with directory.staging() as staged:
        source = _download(binary, sources, staged, access_to)
        make_ready(staged)
        if not allow_older:
            _refuse_older(read_updated_at(staged), directory)
        prove(staged, binary, chosen)
        return directory.adopt(staged, source=source.database)


def _download(
    binary: TrivyBinary, sources: Sequence[AdvisorySource], into: Path, access_to: AccessTo
) -> AdvisorySource:
    """Try one source after another, so that it is known which one answered."""
    reasons = []
    give_up_at = time.monotonic() + _DOWNLOAD_SECONDS
    for source in sources:
        database = argv.download_database(str(into), source.database)
        java_database = argv.download_java_database(str(into), source.java_database)
        try:
            reason = _fetch(binary, database, access_to(source.database), give_up_at) or _fetch(
                binary, java_database, access_to(source.java_database), give_up_at
            )
        except RegistryError as error:
            reason = str(error)
        if not reason:
            return source
        reasons.append(f"{source.database}: {reason}")
        logger.warning("advisories.unreachable source=%s reason=%s", source.database, reason)
    raise AdvisoriesError(f"no advisories could be fetched: {'; '.join(reasons)}")


def _fetch(
    binary: TrivyBinary, arguments: list[str], access: RegistryAccess | None, give_up_at: float
) -> str:
    """Run one download; return why it failed, or nothing."""
    with tempfile.TemporaryDirectory(prefix="pushscan-download-") as home:
        completed = run_trusted(
            binary.path,
            arguments,
            environment={
                "HOME": home,
                "TMPDIR": home,
                "PATH": "/nonexistent",
                **_environment(access),
            },
            wall_seconds=max(1.0, give_up_at - time.monotonic()),
        )
    if completed.exit == Exited(0):
        return ""
    # Trivy wraps an error in what it was doing, over several lines; the last one is the cause.
    lines = completed.untrusted_stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    cause = lines[-1].strip(" \t*") if lines else ""
    return visible(cause, 300) or str(completed.exit)


def _environment(access: RegistryAccess | None) -> dict[str, str]:
    """Name the token where no other process of another user reads it, unlike arguments."""
    if access is None:
        return {}
    trusted = {"SSL_CERT_FILE": str(access.ca_file)} if access.ca_file else {}
    return {"TRIVY_REGISTRY_TOKEN": access.token, **trusted}


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


def prove(staged: Path, binary: TrivyBinary, sandbox: Sandbox) -> None:
    """Scan the canary with a database that is ready. Raises AdvisoriesError when it is blind."""
    with tempfile.TemporaryDirectory(prefix="pushscan-canary-") as scratch:
        write_canary(Path(scratch) / "image")
        require_known(examine(Path(scratch) / "image", binary, sandbox, staged, _CANARY_LIMITS))
