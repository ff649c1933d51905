"""An examiner with everything around it."""

from dataclasses import replace
from pathlib import Path

from scanner.examination import Examination
from scanner.model import Digest, Platform
from scanner.ports import ResolvedImage
from tests.contracts.inventory_store_contract import digest_of
from tests.examples import ADVISORIES, IMAGE
from tests.fakes import InMemoryInventoryStore, StubRegistry, StubScanner, examiner_on
from tests.reports import SCANNER

A, B, C = map(digest_of, "abc")


def image_of(name: str) -> ResolvedImage:
    """Return the image of this name."""
    return ResolvedImage(
        reference=replace(IMAGE, digest=digest_of(name)),
        platform=Platform(os="linux", architecture="amd64"),
        manifest=b"{}",
        config=b"{}",
    )


class Surroundings:
    """An examiner with everything around it, and images by name."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.registry = StubRegistry()
        self.scanner = StubScanner(scanner=SCANNER, database=ADVISORIES)
        self.inventories = InMemoryInventoryStore()

    def push(self, name: str, *diff_ids: Digest) -> None:
        """Put an image of these layers into the registry."""
        self.registry.layers[digest_of(name)] = diff_ids

    def examine(self, name: str) -> Examination:
        """Examine an image."""
        examiner = examiner_on(self.registry, self.scanner, self.inventories, self.scratch)
        return examiner.examine(image_of(name), advisories=ADVISORIES)
