"""A registry and a scanner that say what tests tell them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from scanner.errors import AdvisoriesError, PushscanError
from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    LayeredImage,
    LayerInventory,
    NotApplicable,
    NotApplicableReason,
    PassedOver,
    Scanner,
    ScanReport,
    Unexaminable,
)
from scanner.ports import (
    Layer,
    PullPlan,
    Resolved,
    ResolvedImage,
)


@dataclass(kw_only=True)
class StubRegistry:
    """A registry that holds what tests put into it; everything else has been deleted."""

    manifests: dict[Digest, Resolved] = field(default_factory=dict)
    """What each digest resolves to."""
    layers: dict[Digest, tuple[Digest, ...]] = field(default_factory=dict)
    """diff_ids by image digest; an image without an entry has one layer named like itself."""
    packed: dict[Digest, Digest] = field(default_factory=dict)
    """Digests of blobs by diff_id; a layer without an entry is named like its contents."""
    unpullable: dict[Digest, Unexaminable] = field(default_factory=dict)
    outage: PushscanError | None = None
    """Raised by every call while it is set."""
    broken: dict[Digest, PushscanError] = field(default_factory=dict)
    """Raised when one of these is asked for."""
    resolved: list[ImageReference] = field(default_factory=list)
    pulled: list[Digest] = field(default_factory=list)
    pulled_layers: list[Digest] = field(default_factory=list)

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what was put in under this digest."""
        self._raise_outage()
        self.resolved.append(image)
        if image.digest in self.broken:
            raise self.broken[image.digest]
        return self.manifests.get(image.digest, NotApplicable(reason=NotApplicableReason.DELETED))

    def plan(self, image: ResolvedImage) -> PullPlan | Unexaminable:
        """Name the layers that were put in."""
        digest = image.reference.digest
        diff_ids = self.layers.get(digest, (digest,))
        layers = (
            Layer(digest=self.packed.get(diff_id, diff_id), size=1, diff_id=diff_id)
            for diff_id in diff_ids
        )
        return PullPlan(layers=tuple(dict.fromkeys(layers)), diff_ids=diff_ids)

    def pull(
        self,
        image: ResolvedImage,
        layers: Sequence[Layer],
        *,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        """Pretend to unpack; the folder must be there and empty, as for the real one."""
        self._raise_outage()
        self.pulled.append(image.reference.digest)
        self.pulled_layers += [layer.digest for layer in layers]
        if image.reference.digest in self.unpullable:
            return self.unpullable[image.reference.digest]
        if any(into.iterdir()):
            raise FileExistsError(into)
        for layer in layers:
            path = into / layer.digest.hex
            path.write_text(str(layer.diff_id))
            done(layer, path)
        return None

    def _raise_outage(self) -> None:
        if self.outage is not None:
            raise self.outage


@dataclass(kw_only=True)
class StubScanner:
    """A scanner that sees what tests tell it to see, by the image's diff_ids."""

    scanner: Scanner
    database: Advisories
    seen: dict[tuple[Digest, ...], ScanReport | Unexaminable] = field(default_factory=dict)
    otherwise: ScanReport | Unexaminable = field(
        default_factory=lambda: ScanReport(operating_system=None, package_groups=(), findings=())
    )
    outage: PushscanError | None = None
    """Raised by every call while it is set."""
    version: str = "1"
    """Another one finds other things in layers."""
    faulty: dict[Digest, Unexaminable] = field(default_factory=dict)
    """What is wrong with a layer, by its diff_id."""
    analysed: list[Digest] = field(default_factory=list)
    matched: list[tuple[Digest, ...]] = field(default_factory=list)
    match_at_most: int | None = None
    known: list[PassedOver | None] = field(default_factory=list)
    """What was known before of each image that was matched with others."""

    def describe(self) -> Scanner:
        """Name the scanner."""
        self._raise_outage()
        return self.scanner

    def advisories(self) -> Advisories:
        """Name the advisory database."""
        self._raise_outage()
        return self.database

    def profile(self, advisories: Advisories) -> str:
        """Name the version, as 64 hex digits."""
        self._raise_outage()
        return hashlib.sha256(f"{self.version} {advisories.java_digest}".encode()).hexdigest()

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        """Find nothing in particular; the file must be the layer's."""
        self._raise_outage()
        self._require(advisories)
        if layer.read_text() != str(diff_id):
            raise ValueError("another layer's file")
        self.analysed.append(diff_id)
        return self.faulty.get(diff_id) or LayerInventory(
            diff_id=diff_id,
            key=f"sha256:{hashlib.sha256(str(diff_id).encode()).hexdigest()}",
            untrusted_record=b"{}",
            unexamined=(),
            entries=(),
        )

    def match(
        self, layers: Sequence[LayerInventory], *, advisories: Advisories
    ) -> ScanReport | Unexaminable:
        """Return what was prepared for these layers."""
        self._raise_outage()
        self._require(advisories)
        diff_ids = tuple(layer.diff_id for layer in layers)
        self.matched.append(diff_ids)
        return self.seen.get(diff_ids, self.otherwise)

    def match_all(
        self, images: Iterable[LayeredImage], *, advisories: Advisories
    ) -> Iterator[ScanReport | Unexaminable]:
        """Match one after another, as many as there is time for."""
        in_time = islice(images, self.match_at_most)
        for image in in_time:
            self.known.append(image.passed_over)
            yield self.match(image.layers, advisories=advisories)

    def _require(self, advisories: Advisories) -> None:
        if advisories != self.database:
            raise AdvisoriesError("these advisories are gone")

    def _raise_outage(self) -> None:
        if self.outage is not None:
            raise self.outage


class InMemoryInventoryStore:
    """Inventories by profile and layer."""

    def __init__(self) -> None:
        self.inventories: dict[tuple[str, Digest], LayerInventory] = {}
        self.contents: dict[Digest, Digest] = {}

    def find(self, profile: str, diff_id: Digest) -> LayerInventory | None:
        """Return what was saved first."""
        return self.inventories.get((profile, diff_id))

    def save(self, profile: str, inventory: LayerInventory) -> None:
        """Keep the first."""
        self.inventories.setdefault((profile, inventory.diff_id), inventory)

    def unpacks_to(self, layer: Digest) -> Digest | None:
        """Return what was remembered."""
        return self.contents.get(layer)

    def remember(self, layer: Digest, *, unpacks_to: Digest) -> None:
        """Keep what a blob unpacks to."""
        self.contents[layer] = unpacks_to
