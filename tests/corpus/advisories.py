"""Advisories on packages of the corpus, so that finding is compared too, not only listing."""

import json
from datetime import UTC, datetime
from pathlib import Path

from scanner import bolt
from tests.corpus.java import write_index

_STAMP = datetime(2026, 11, 1, tzinfo=UTC).isoformat()
_LANGUAGES = {
    "pip": {"corpus-wheel": "CVE-2026-0001"},
    "npm": {"lodash": "CVE-2026-0002"},
    "rubygems": {"rack": "CVE-2026-0003"},
    "maven": {"org.apache.logging.log4j:log4j-core": "CVE-2026-0004"},
    "go": {"golang.org/x/text": "CVE-2026-0005"},
    "cargo": {"smallvec": "CVE-2026-0006"},
}
# Red Hat's advisories hold for products; repositories and builds lead to those (by index).
_RED_HAT_PRODUCTS = {
    "repository": {
        "rhel-8-for-x86_64-baseos-rpms": [1],
        "rhel-9-for-x86_64-baseos-rpms": [1],
    },
    "nvr": {"ubi9-container-9.4-1-x86_64": [2]},
}
_RED_HAT = {"openssl": ("CVE-2026-0091", 1), "glibc": ("CVE-2026-0092", 2)}
_DISTRIBUTIONS = {
    "alpine 3.21": {"busybox": "CVE-2026-0321"},
    "debian 12": {"bash": "CVE-2026-0012"},
    "rocky 9": {"openssl": "CVE-2026-0009"},
}


def write_corpus_database(directory: Path) -> None:
    """Write `db/` and `java-db/` below a directory, as `AdvisoryDirectory.install` takes them.

    Format source: aquasecurity/trivy-db, `pkg/db/db.go` and `pkg/types/types.go`, schema 2.
    """
    tree: dict[str, dict[str, bolt.Node]] = {"vulnerability": {}, "data-source": {}}
    ours = {f"{name}::Corpus": packages for name, packages in _LANGUAGES.items()}
    for bucket, packages in {**ours, **_DISTRIBUTIONS}.items():
        is_language = "::" in bucket
        match = {"VulnerableVersions": ["<99"]} if is_language else {"FixedVersion": "99"}
        tree[bucket] = {
            package: {vulnerability: _json(match)} for package, vulnerability in packages.items()
        }
        tree["data-source"][bucket] = _json({"ID": "ghsa", "Name": "Corpus", "URL": ""})
        for vulnerability in packages.values():
            tree["vulnerability"][vulnerability] = _json({"Severity": "HIGH", "Title": "Corpus"})
    _add_red_hat(tree)
    folder = directory / "db"
    folder.mkdir(parents=True)
    bolt.write(folder / "trivy.db", tree)
    metadata = {"Version": 2, "NextUpdate": _STAMP, "UpdatedAt": _STAMP, "DownloadedAt": _STAMP}
    (folder / "metadata.json").write_bytes(_json(metadata))
    write_index(directory)


def _add_red_hat(tree: dict[str, dict[str, bolt.Node]]) -> None:
    tree["Red Hat CPE"] = {
        kind: {name: _json(products) for name, products in names.items()}
        for kind, names in _RED_HAT_PRODUCTS.items()
    }
    tree["Red Hat"] = {}
    for package, (vulnerability, product) in _RED_HAT.items():
        entry = {"FixedVersion": "99:1", "Affected": [product], "Cves": [{"Severity": 3}]}
        tree["Red Hat"][package] = {vulnerability: _json({"Entries": [entry]})}
        tree["vulnerability"][vulnerability] = _json({"Severity": "HIGH", "Title": "Corpus"})


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
