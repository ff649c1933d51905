"""Advisories as plain data that change at random, and a scanner that looks them up."""

import hashlib
import json
import random
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from scanner import bolt, lookups
from scanner.model import Advisories, Digest, LayerInventory, PackageGroup, ScanReport, Severity
from tests.examples import finding, scan_report
from tests.fakes import StubScanner

Tree = dict[str, dict[str, dict[str, str]]]
Package = tuple[str, str]

_DEBIAN, _PIP = "debian 12", "pip::GitHub Security Advisory pip"
_FAMILIES = {_DEBIAN: "debian", _PIP: "pip"}
PACKAGES = [(source, f"{_FAMILIES[source]}-{n}") for source in _FAMILIES for n in range(25)]
_VULNERABILITIES = [f"CVE-2026-{n}" for n in range(40)]


def digest_of(text: str) -> Digest:
    """Make a digest."""
    return Digest(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


@dataclass(frozen=True, kw_only=True)
class Database:
    """Advisories as plain data, and as a file that is compared."""

    tree: Tree
    advisories: Advisories
    path: Path

    @classmethod
    def write(cls, tree: Tree, folder: Path, updated_at: datetime) -> "Database":
        """Write the file."""
        digest = digest_of(json.dumps([tree, str(updated_at)], sort_keys=True))
        nodes: dict[str, bolt.Node] = {
            root: {name: dict.fromkeys(found, b"") | _bytes(found) for name, found in inner.items()}
            for root, inner in tree.items()
            if root != "vulnerability"
        }
        nodes["vulnerability"] = _bytes(tree["vulnerability"]["all"])
        bolt.write(folder / digest.hex, nodes)
        return cls(
            tree=tree,
            path=folder / digest.hex,
            advisories=Advisories(
                source="test",
                digest=digest,
                java_digest=digest_of("java"),
                updated_at=updated_at,
                sources=frozenset(root for root in _FAMILIES if tree.get(root)),
            ),
        )


def _bytes(found: dict[str, str]) -> dict[str, bolt.Node]:
    return {name: value.encode() for name, value in found.items()}


@dataclass(kw_only=True)
class DatabaseScanner(StubScanner):
    """Looks packages up as Trivy does: by source and name, then the vulnerability's severity."""

    tree: Tree
    installed: dict[Digest, list[Package]]

    def match(self, layers: Sequence[LayerInventory], *, advisories: Advisories) -> ScanReport:
        """Return what the database says of the packages in these layers."""
        super().match(layers, advisories=advisories)
        packages = [p for layer in layers for p in self.installed[layer.diff_id]]
        system = scan_report().package_groups
        languages = PackageGroup(
            target="Python", package_class="lang-pkgs", package_type="python-pkg", package_count=1
        )
        has_languages = any(source == _PIP for source, _ in packages)
        severities = self.tree["vulnerability"]["all"]
        looked = {lookups.of_package(_FAMILIES[source], name) for source, name in packages}
        looked |= {lookups.of_family(_FAMILIES[source]) for source, _ in packages}
        return replace(
            scan_report(
                *(
                    replace(
                        finding(Severity[severities.get(name, "UNKNOWN")], fixed_version=fixed),
                        vulnerability=name,
                        package=package,
                    )
                    for source, package in sorted(packages)
                    for name, fixed in sorted(self.tree.get(source, {}).get(package, {}).items())
                ),
                package_groups=(*system, languages) if has_languages else system,
            ),
            looked_up=frozenset(looked | {lookups.of_family("debian")}),
        )


def first_tree(chance: random.Random) -> Tree:
    """Return a database to begin with."""
    tree: Tree = {root: {} for root in _FAMILIES}
    tree["vulnerability"] = {"all": {}}
    for name in _VULNERABILITIES:
        tree["vulnerability"]["all"][name] = chance.choice(["LOW", "MEDIUM", "HIGH"])
    for source, package in PACKAGES:
        tree[source][package] = {chance.choice(_VULNERABILITIES): "2"}
    return tree


def changed_tree(tree: Tree, chance: random.Random) -> Tree:
    """Change some things in a database, of every kind that happens."""
    after = deepcopy(tree)
    for _ in range(chance.randrange(4)):
        source, package = chance.choice(PACKAGES)
        vulnerability = chance.choice(_VULNERABILITIES)
        severities = after["vulnerability"]["all"]
        match chance.choice(["new", "new", "gone", "fixed", "rated", "unrated", "source"]):
            case "new":
                after.setdefault(source, {}).setdefault(package, {})[vulnerability] = ""
            case "gone":
                after.get(source, {}).pop(package, None)
            case "fixed":
                known = after.get(source, {}).get(package, {})
                known.update(dict.fromkeys(known, "3"))
            case "rated":
                severities[vulnerability] = chance.choice(["LOW", "CRITICAL"])
            case "unrated":
                severities.pop(vulnerability, None)
            case "source" if chance.random() < 0.3:
                after[source] = {} if after.get(source) else tree.get(source, {})
            case _:
                pass
    return after
