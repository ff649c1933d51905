"""The side that opens layers, and what is kept of them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from scanner.model import (
    Advisories,
    Digest,
    LayeredImage,
    LayerInventory,
    Scanner,
    ScanReport,
    Unexaminable,
)


class ImageScanner(Protocol):
    """The side that opens layers, and has neither credentials nor network."""

    def describe(self) -> Scanner:
        """Name the scanner and its sandbox. Raises SandboxUnavailableError."""

    def advisories(self) -> Advisories:
        """Name the advisory database in use. Raises AdvisoriesError when there is none."""

    def profile(self, advisories: Advisories) -> str:
        """Name all that an inventory depends on beside its layer, in 64 hex digits.

        Raises SandboxUnavailableError and AdvisoriesError.
        """

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        """Find out what an unpacked layer holds, in a sandbox of its own.

        Raises SandboxUnavailableError rather than run bare, and AdvisoriesError.
        """

    def match(
        self, layers: Sequence[LayerInventory], *, advisories: Advisories
    ) -> ScanReport | Unexaminable:
        """Look up what an image holds in these advisories, even if others are current by now.

        Raises SandboxUnavailableError rather than run bare, and AdvisoriesError.
        """

    def match_all(
        self, images: Iterable[LayeredImage], *, advisories: Advisories
    ) -> Iterator[ScanReport | Unexaminable]:
        """Look up what each of many images holds, in their order; what `match` says, and cheaper.

        It may end before the last image: no more begins after five minutes. Raises as `match` does.
        """


class BillScanner(Protocol):
    """What of the side that opens layers is needed to say what an image is made of."""

    def advisories(self) -> Advisories:
        """Name the advisory database in use. Raises AdvisoriesError when there is none."""

    def profile(self, advisories: Advisories) -> str:
        """Name all that an inventory depends on beside its layer, as `ImageScanner` does."""

    def bill(
        self, layers: Sequence[LayerInventory], *, advisories: Advisories
    ) -> bytes | Unexaminable:
        """Write a bill of materials in CycloneDX's JSON, which is untrusted.

        Raises SandboxUnavailableError rather than run bare, and AdvisoriesError.
        """


class InventoryStore(Protocol):
    """What is in layers, found out once; and what their blobs were seen to unpack to.

    Everything raises StoreError.
    """

    def find(self, profile: str, diff_id: Digest) -> LayerInventory | None:
        """Return what this profile found in a layer, or None."""

    def save(self, profile: str, inventory: LayerInventory) -> None:
        """Keep an inventory unless there is one. Safe to repeat."""

    def unpacks_to(self, layer: Digest) -> Digest | None:
        """Return the diff_id of a blob whose two digests were once verified together, or None."""

    def remember(self, layer: Digest, *, unpacks_to: Digest) -> None:
        """Keep the diff_id of a blob, once both were verified. Safe to repeat."""
