"""The ports that the pipeline needs, and the values that cross them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    LayerInventory,
    NotApplicable,
    Platform,
    Report,
    Scanner,
    ScanReport,
    Status,
    Unexaminable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedImage:
    """One platform's image: a manifest and its config, both verified by digest."""

    reference: ImageReference
    platform: Platform
    manifest: bytes
    config: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """One platform's manifest in an index, as the index describes it."""

    platform: Platform
    reference: ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedIndex:
    """An index (or Docker manifest list): the images in it, attestations left out."""

    reference: ImageReference
    children: tuple[IndexEntry, ...]


Resolved = ResolvedImage | ResolvedIndex | NotApplicable | Unexaminable


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A blob of an image, and what it must unpack to."""

    digest: Digest
    size: int
    """Bytes, as the manifest declares them."""
    diff_id: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPlan:
    """What an image consists of, each layer once."""

    layers: tuple[Layer, ...]
    diff_ids: tuple[Digest, ...]
    """Bottom first, with repetitions, as the config has them."""


class Registry(Protocol):
    """The side that has credentials and network, and opens no layer."""

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what a manifest is. Raises RegistryError when the registry does not answer."""

    def plan(self, image: ResolvedImage) -> PullPlan | Unexaminable:
        """Say which layers an image has, or why it cannot be examined. Asks nobody."""

    def pull(
        self,
        image: ResolvedImage,
        layers: Sequence[Layer],
        *,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        """Unpack layers into files of an empty folder, verifying every byte.

        `done` is called with each as soon as both its digests are verified, from any thread.
        Returns the image's fault, if it has one. Raises RegistryError.
        """


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a verdict was last held against, and still stood."""

    at: datetime
    advisories: Digest
    advisories_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentVerdict:
    """The row that says what is said of an image now; the report holds the evidence."""

    image: ImageReference
    """Its tag is the newest that named this digest, if any did."""
    status: Status
    reason: str
    rule: str
    explanation: str
    report_id: str
    as_of: datetime
    platform: str
    counts: str
    """Findings by severity, worst first, as `CRITICAL=1 HIGH=2 ...`."""
    part_of: Digest | None = None
    """The index that this platform's image belongs to, once that has been judged."""
    against: Check | None = None
    """None where advisories did not matter. Of an index: what its platforms were held against."""
    was_tagged: bool = False
    """Whether a tag has ever named this digest; without one now, it moved to another digest."""
    report_before: str = ""
    """Of a deleted image: the report that said what it was before."""

    @property
    def is_untagged(self) -> bool:
        """Whether the image has lost its last tag to others."""
        return self.was_tagged and self.image.tag is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVerdict:
    """One examination of an image, whether or not its verdict is current still."""

    image: ImageReference
    """With the tag of the push that asked for it, if it had one."""
    status: Status
    reason: str
    rule: str
    counts: str
    """As in CurrentVerdict."""
    report_id: str
    """Of the report, which an examination before with the same inputs may have written."""
    requested_at: datetime
    as_of: datetime
    finished_at: datetime
    """When the verdict was reached; nobody knew it earlier."""


class ReportStore(Protocol):
    """Reports (immutable, by id), the current verdict of each image, and those before."""

    def find_report(self, report_id: str) -> Report | None:
        """Return a stored report, or None when there is none of that id."""

    def save(self, report: Report, *, part_of: Digest | None = None) -> CurrentVerdict:
        """Store the report, then make it current unless a later one is. Safe to repeat.

        Returns what is current afterwards. Raises StoreError.
        """

    def confirm(self, current: CurrentVerdict, check: Check) -> None:
        """Note that a verdict still stands, unless another report or a later check is current."""

    def current(self, image: ImageReference) -> CurrentVerdict | None:
        """Return the current verdict on a digest, or None when it was never judged."""

    def history(self, image: ImageReference) -> Iterable[PastVerdict]:
        """Yield every examination of a digest, in the order of `current`: the latest first."""

    def resolve_tag(self, registry: str, repository: str, tag: str) -> Digest | None:
        """Return the digest that a tag was last pushed with."""

    def list_current(
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> Iterable[CurrentVerdict]:
        """Yield current verdicts, one page at a time, those on deleted images left out.

        `repository` is a glob.

        With `after` those that come after that image, whether or not it has a verdict.
        """

    def judged(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> frozenset[Digest]:
        """Return those that have a current verdict other than that they were deleted."""


class Outbox(Protocol):
    """What shall be told, durably queued."""

    def announce(self, report: Report) -> None:
        """Queue a notice about this report unless it calls for none. Safe to repeat."""


class JobQueue(Protocol):
    """Where jobs wait for a worker."""

    def send(self, message: str) -> None:
        """Queue a message durably. Raises StoreError."""

    def depth(self) -> int:
        """Return about how many messages there are, hidden ones included. Raises StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedManifest:
    """A manifest as the registry lists it; what it is, only its bytes can say."""

    image: ImageReference
    """With one of its tags, if it has any."""
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPage:
    """Some of a repository's manifests, in the registry's order; `after` resumes behind it."""

    manifests: tuple[ListedManifest, ...]
    after: str


class Catalogue(Protocol):
    """What a registry lists. The iterators ask for the next page only when it is wanted."""

    def repositories(self, registry: str, *, after: str = "") -> Iterator[tuple[str, ...]]:
        """Yield the repositories that come after a name, in pages. Raises RegistryError."""

    def manifests(
        self, registry: str, repository: str, *, after: str = ""
    ) -> Iterator[ManifestPage]:
        """Yield the manifests that come after a digest; none of a repository that is not there.

        Raises RegistryError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A manifest that the registry lists and that has no verdict."""

    image: ImageReference
    first_seen_at: datetime
    last_seen_at: datetime
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the reconciler has come with a registry."""

    registry: str
    pass_began_at: datetime
    run_at: datetime
    after: str = ""
    """The last repository that is done with; empty at the begin of a pass."""
    inside: str = ""
    """The repository that is being listed, if any."""
    manifests_after: str = ""
    """Where to go on in it."""
    pass_ended_at: datetime | None = None
    """When all was last listed."""
    fault: str = ""
    """Why the last run ended early or left something out."""


class Sightings(Protocol):
    """What the reconciler remembers. Everything raises StoreError."""

    def progress(self, registry: str) -> Progress | None:
        """Return how far a registry is, or None when it was never listed."""

    def save_progress(self, progress: Progress) -> None:
        """Remember how far a registry is."""

    def among(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> Mapping[Digest, Sighting]:
        """Return the sightings of these manifests."""

    def save(self, sighting: Sighting) -> None:
        """Remember a sighting, over an earlier one of the same manifest."""

    def remove(self, image: ImageReference) -> None:
        """Forget a manifest; one that is not known is no fault."""

    def list_all(self, registry: str | None = None) -> Iterable[Sighting]:
        """Yield what was seen, by registry, repository and digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    """A message that no function could deal with."""

    id: str
    untrusted_body: bytes
    since: datetime
    why: str = ""
    """What was wrong with it, where that is known."""


class HeldMessages(Protocol):
    """Where such messages are kept: a poison queue, or what could not be read."""

    def look(self) -> Iterable[HeldMessage]:
        """Return messages without touching them; of a queue at most 32. Raises StoreError."""

    def take(self) -> Iterable[HeldMessage]:
        """Yield every message; of a queue each is hidden for a minute. Raises StoreError."""

    def remove(self, message: HeldMessage) -> None:
        """Delete a message that was taken; one that is gone is no fault. Raises StoreError."""

    def depth(self) -> int:
        """Return about how many messages there are. Raises StoreError."""
