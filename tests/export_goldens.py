"""The exports of fixed reports, as people have looked at them and found them right.

`python -m tests.export_goldens` writes them anew; what has changed is then to be read in the diff.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from scanner.exports import Exported, bill_of_materials, defender, exported, sarif
from scanner.model import Digest
from tests.reports import (
    AMD64,
    ARM64,
    healthy_report,
    index_report,
    judged_report,
    unhealthy_report,
    unknown_report,
)

FOLDER: Final = Path(__file__).parent / "unit" / "export_goldens"


def judged() -> Exported:
    """Return an image with a finding, an accepted secret and a setting."""
    return exported(judged_report(), lambda _: None)


def index() -> Exported:
    """Return an index of three platforms: unhealthy, unknown and healthy."""
    children = (unhealthy_report(), unknown_report(), healthy_report())
    platforms = (AMD64, ARM64, replace(ARM64, variant="v9"))
    report = index_report(
        *zip(platforms, children, strict=True), digest=Digest("sha256:" + "1d" * 32)
    )
    return exported(report, {child.id: child for child in children}.get)


def bill() -> bytes:
    """Return the bill of an image of an operating system, a package and two equal archives."""
    return bill_of_materials((FOLDER / "trivy-bill.json").read_bytes(), judged_report())


GOLDENS: Final[Mapping[str, Callable[[], bytes]]] = {
    "judged.sarif.json": lambda: sarif(judged()),
    "index.sarif.json": lambda: sarif(index()),
    "judged.defender.json": lambda: defender(judged()),
    "index.defender.json": lambda: defender(index()),
    "judged.cdx.json": bill,
}


def readable(document: bytes) -> str:
    """Write a document so that a person can read it; nothing of it is lost."""
    return json.dumps(json.loads(document), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for name, write in GOLDENS.items():
        (FOLDER / name).write_text(readable(write()), encoding="ascii")
