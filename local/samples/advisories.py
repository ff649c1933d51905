"""Writes the sample advisories as a database that Trivy opens.

Format source: aquasecurity/trivy-db, `pkg/db/db.go` and `pkg/types/types.go` (schema version 2).
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from scanner import bolt
from scanner.model import Advisories
from scanner.trivy.advisories import AdvisoryDirectory

_FILE: Final = Path(__file__).with_name("advisories.json")
_SCHEMA_VERSION: Final = 2
_UPDATE_INTERVAL: Final = timedelta(days=1)
# trivy-db `pkg/types/types.go`, type Severity.
_SEVERITIES: Final = ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_DEBIAN: Final = "debian 12"
_LABEL: Final = "pushscan-sample"

# Trivy asks every bucket whose name begins with `pip::`, `npm::` ..., and the exact OS bucket.
_SOURCES: Final = {
    "pip": ("pip::GitHub Security Advisory pip", "ghsa", "GitHub Security Advisory pip"),
    "npm": ("npm::GitHub Security Advisory npm", "ghsa", "GitHub Security Advisory npm"),
    "maven": ("maven::GitHub Security Advisory Maven", "ghsa", "GitHub Security Advisory Maven"),
    _DEBIAN: (_DEBIAN, "debian", "Debian Security Tracker"),
}
_SOURCE_URLS: Final = {
    "ghsa": "https://github.com/advisories",
    "debian": "https://salsa.debian.org/security-tracker-team/security-tracker",
}


class Cvss(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CVSS rating; which version, the place where it stands tells."""

    vector: str
    score: float


class Nvd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the National Vulnerability Database says of a vulnerability."""

    published: str
    record_modified: str
    severity: str | None = None
    v3: Cvss | None = None
    v2: Cvss | None = None


class Advisory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One record of the sample: which versions of a package a vulnerability concerns."""

    id: str
    ecosystem: str
    package: str
    """Lower case, as Trivy looks it up; for Debian the source package."""
    vulnerable: list[str]
    patched: list[str]
    vendor_id: str
    severity: str
    severity_source: str
    title: str
    url: str
    verified: str
    """The public record that this entry was checked against."""
    cvss: Cvss | None = None
    """Of the severity's source, version 3."""
    nvd: Nvd | None = None


class _Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    notice: str
    provenance: str
    advisories: list[Advisory]


def load() -> tuple[Advisory, ...]:
    """Read the bundled records."""
    return tuple(_sample().advisories)


def _sample() -> _Sample:
    return msgspec.json.decode(_FILE.read_bytes(), type=_Sample)


def write_database(directory: Path, *, updated_at: datetime, more: Sequence[Advisory] = ()) -> None:
    """Write `db/trivy.db` and `db/metadata.json` below a directory, which Trivy calls its cache.

    Args:
        directory: Made if absent. A database that is already there is replaced.
        updated_at: What the database says about its own age; must know its time zone.
        more: Advisories beside the bundled ones.

    Raises:
        OSError: The files cannot be written.
    """
    folder = directory / "db"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = updated_at.isoformat()
    tree = _tree((*load(), *more))
    # Trivy asks no bucket of this name. A database is known by the digest of trivy.db alone, so
    # what it is and how old it says it is belong into the file.
    tree[_LABEL] = {"notice": _sample().notice.encode(), "updated_at": stamp.encode()}
    bolt.write(folder / "trivy.db", tree)
    metadata = {
        "Version": _SCHEMA_VERSION,
        "NextUpdate": (updated_at + _UPDATE_INTERVAL).isoformat(),
        "UpdatedAt": stamp,
        "DownloadedAt": stamp,
    }
    (folder / "metadata.json").write_bytes(_json(metadata))


def install_sample(
    root: Path, *, updated_at: datetime, more: Sequence[Advisory] = ()
) -> Advisories:
    """Make the sample the current advisories of a host; every report then names it as the source.

    Args:
        root: The directory of the settings' advisories, with all databases of the host.
        updated_at: What the database says about its own age.
        more: Advisories beside the bundled ones.

    Raises:
        AdvisoriesError: It cannot be put in place.
    """
    with tempfile.TemporaryDirectory() as scratch:
        write_database(Path(scratch), updated_at=updated_at, more=more)
        return AdvisoryDirectory(root).install(Path(scratch), source="bundled-sample")


def _tree(advisories: tuple[Advisory, ...]) -> dict[str, dict[str, bolt.Node]]:
    tree: defaultdict[str, dict[str, bolt.Node]] = defaultdict(dict)
    packages: defaultdict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
    for advisory in advisories:
        bucket, source, name = _SOURCES[advisory.ecosystem]
        packages[bucket, advisory.package][advisory.id] = _json(_match(advisory))
        tree["vulnerability"][advisory.id] = _json(_detail(advisory))
        tree["data-source"][bucket] = _json(
            {"ID": source, "Name": name, "URL": _SOURCE_URLS[source]}
        )
    for (bucket, package), entries in packages.items():
        tree[bucket][package] = entries
    return dict(tree)


def _match(advisory: Advisory) -> dict[str, object]:
    """Return what Trivy compares an installed version with."""
    if advisory.ecosystem == _DEBIAN:
        (fixed,) = advisory.patched
        return {"FixedVersion": fixed, "VendorIDs": [advisory.vendor_id]}
    return {
        "VulnerableVersions": advisory.vulnerable,
        "PatchedVersions": advisory.patched,
        "VendorIDs": [advisory.vendor_id],
    }


def _detail(advisory: Advisory) -> dict[str, object]:
    """Return what Trivy says of a vulnerability once a package has matched."""
    severities = {advisory.severity_source: _SEVERITIES.index(advisory.severity)}
    scores = {advisory.severity_source: _scores(v3=advisory.cvss)} if advisory.cvss else {}
    detail: dict[str, object] = {"Title": advisory.title, "References": [advisory.url]}
    if nvd := advisory.nvd:
        detail["PublishedDate"] = nvd.published
        if nvd.severity:
            severities["nvd"] = _SEVERITIES.index(nvd.severity)
        if nvd.v3:
            scores["nvd"] = _scores(v3=nvd.v3, v2=nvd.v2)
    return detail | {"VendorSeverity": severities, "CVSS": scores}


def _scores(*, v3: Cvss, v2: Cvss | None = None) -> dict[str, object]:
    scores: dict[str, object] = {"V3Vector": v3.vector, "V3Score": v3.score}
    return scores | ({"V2Vector": v2.vector, "V2Score": v2.score} if v2 else {})


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
