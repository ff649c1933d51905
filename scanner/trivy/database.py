"""What is in a `trivy.db`, as far as it says what the database knows nothing of."""

from collections.abc import Iterator
from pathlib import Path

from scanner import bolt
from scanner.classify.sources import is_source
from scanner.errors import AdvisoriesError

# trivy-db `pkg/db/vulnerability.go`. Without it Trivy ends in a panic, with any image.
_VULNERABILITIES = b"vulnerability"
_MAX_SOURCES = 10_000  # a published database has some hundreds


def read_sources(path: Path) -> frozenset[str]:
    """Name the root buckets that packages are looked up in, and that are not empty.

    Raises:
        AdvisoriesError: it is no database that Trivy could use, or has no such bucket at all.
    """
    try:
        with bolt.Database(path) as database:
            if not isinstance(database.root.get(_VULNERABILITIES), bolt.Bucket):
                raise AdvisoriesError(f"{path} does not describe any vulnerability")
            sources = frozenset(_sources(database.root))
    except (OSError, ValueError) as error:
        raise AdvisoriesError(f"{path} is no database that Trivy can read: {error}") from error
    if not sources:
        raise AdvisoriesError(f"{path} has no advisories for anything that is known here")
    return sources


def _sources(root: bolt.Bucket) -> Iterator[str]:
    found = 0
    for untrusted_name, bucket in root.items():
        name = untrusted_name.decode("utf-8", "replace")
        if isinstance(bucket, bolt.Bucket) and is_source(name) and any(True for _ in bucket):
            found += 1
            if found > _MAX_SOURCES:
                raise ValueError(f"more than {_MAX_SOURCES} sources")
            yield name
