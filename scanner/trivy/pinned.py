"""The database that a report names, for who examines again what was examined then."""

from contextlib import suppress
from dataclasses import replace

from scanner.errors import AdvisoriesError
from scanner.model import Advisories
from scanner.trivy.advisories import DATABASE, AdvisoryDirectory
from scanner.trivy.database import read_sources


def find_pinned(directory: AdvisoryDirectory, wanted: Advisories) -> Advisories:
    """Return it with what it has advisories for, which a report does not keep.

    The same bytes from another source are the same database. Raises AdvisoriesError where it is
    not on this host, or not as it was.
    """
    with suppress(AdvisoriesError):
        current, _ = directory.current()
        if (current.digest, current.java_digest) == (wanted.digest, wanted.java_digest):
            return current
    path = directory.find(wanted)
    return replace(wanted, sources=read_sources(path / DATABASE))
