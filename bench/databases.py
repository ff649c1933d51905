"""Advisory databases on the packages of the fleet, small or of a published one's size."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench import fleet
from scanner import bolt

FILLER_KEYS: Final = 600_000
"""Advisories on nothing that is in an image: about as many as a published database has."""

_FILLER_PACKAGES: Final = 30_000
_FILLER_DETAILS: Final = 150_000
_DETAIL_CHARACTERS: Final = 700
_DEBIAN, _NPM = "debian 12", "npm::GitHub Security Advisory npm"
_EVERY: Final = 5
"""One package of so many has an advisory."""


def write_database(folder: Path, *, generation: int, filler: int = 0) -> None:
    """Write a database with its metadata.

    Args:
        folder: Is made, with `db` in it.
        generation: Each is newer; what it says of the package in one image of twenty, and of no
            other, differs from the one before.
        filler: How many advisories there are beside those on the fleet.
    """
    home = folder / "db"
    home.mkdir(parents=True)
    debian: dict[str, bolt.Node] = {
        f"source-{number}": {f"CVE-2099-1{number:04}": _json({"FixedVersion": "2.0-1"})}
        for number in range(0, 60, _EVERY)
    }
    npm: dict[str, bolt.Node] = {
        f"module-{app}-{number}": {f"CVE-2099-{app + 2}{number:04}": _range("<2.0.0", "2.0.0")}
        for app in range(fleet.TEMPLATES)
        for number in range(0, 239, _EVERY)
    }
    npm[fleet.RARE] = {
        f"CVE-2099-9{number:04}": _range("<2.0.0", "2.0.0") for number in range(generation + 1)
    }
    found = [name for bucket in (debian, npm) for each in bucket.values() for name in _names(each)]
    details: dict[str, bolt.Node] = {name: _detail(name) for name in found}
    details |= {f"CVE-1999-{n:06}": _detail(f"{n}") for n in range(min(filler, _FILLER_DETAILS))}
    per_package = max(1, filler // _FILLER_PACKAGES)
    others: dict[str, bolt.Node] = {
        f"other-{package}": {
            f"CVE-1999-{package * per_package + n:06}": _json({"FixedVersion": f"1.{n}-1"})
            for n in range(per_package)
        }
        for package in range(filler // per_package)
    }
    sources = {_DEBIAN: "debian", _NPM: "ghsa", "debian 11": "debian"}
    bolt.write(
        home / "trivy.db",
        {
            _DEBIAN: debian,
            _NPM: npm,
            "pip::GitHub Security Advisory pip": {"none": {"CVE-2099-00001": _range("<0", "1")}},
            **({"debian 11": others} if others else {}),
            "vulnerability": details,
            "data-source": {
                name: _json({"ID": source, "Name": source, "URL": ""})
                for name, source in sources.items()
            },
        },
    )
    stamp = (datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=generation)).isoformat()
    metadata = {"Version": 2, "NextUpdate": stamp, "UpdatedAt": stamp, "DownloadedAt": stamp}
    (home / "metadata.json").write_text(json.dumps(metadata))


def _names(found: bolt.Node) -> list[str]:
    return [str(name) for name in found] if isinstance(found, dict) else []


def _range(vulnerable: str, patched: str) -> bytes:
    return _json({"VulnerableVersions": [vulnerable], "PatchedVersions": [patched]})


def _detail(name: str) -> bytes:
    return _json(
        {
            "Title": f"{name} in a package",
            "Description": "x" * _DETAIL_CHARACTERS,
            "VendorSeverity": {"debian": 2, "ghsa": 2, "nvd": 3},
            "References": [f"https://example.com/{name}"],
        }
    )


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
