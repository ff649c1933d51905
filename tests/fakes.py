"""The ports' second implementation: in memory, with state, and faults on demand."""

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from scanner import lookups
from scanner.errors import AdvisoriesError, NoticeError, PushscanError
from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    LayerInventory,
    NotApplicable,
    NotApplicableReason,
    Report,
    Scanner,
    ScanReport,
    Status,
    Unexaminable,
)
from scanner.notify.ledger import Entry
from scanner.notify.message import Notice
from scanner.notify.route import Route
from scanner.ports import (
    Check,
    CurrentVerdict,
    Layer,
    PastVerdict,
    PullPlan,
    Resolved,
    ResolvedImage,
)
from scanner.sweeping import IndexedImage, Inputs, Sweep


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

    def _require(self, advisories: Advisories) -> None:
        if advisories != self.database:
            raise AdvisoriesError("these advisories are gone")

    def _raise_outage(self) -> None:
        if self.outage is not None:
            raise self.outage


@dataclass(frozen=True, slots=True, kw_only=True)
class _Save:
    report: Report
    part_of: Digest | None


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


class InMemoryReportStore:
    """Keeps every save and answers from that history: slow, and plainly right."""

    def __init__(self) -> None:
        self.reports: dict[str, Report] = {}
        self.outage: PushscanError | None = None
        self._saves: list[_Save] = []
        self._checks: list[tuple[str, str, Check]] = []
        self._lock = threading.RLock()

    def find_report(self, report_id: str) -> Report | None:
        """Return a stored report."""
        self._raise_outage()
        return self.reports.get(report_id)

    def save(self, report: Report, *, part_of: Digest | None = None) -> CurrentVerdict:
        """Store a report; what is current follows from all that were saved."""
        self._raise_outage()
        with self._lock:
            self.reports.setdefault(report.id, report)
            self._saves.append(_Save(report=report, part_of=part_of))
            return self._current(report.image)

    def confirm(self, current: CurrentVerdict, check: Check) -> None:
        """Remember that a verdict still stood."""
        self._raise_outage()
        with self._lock:
            self._checks.append((str(current.image), current.report_id, check))

    def stretch(self, after: ImageReference | None, limit: int) -> Sequence[IndexedImage]:
        """Return the next images in the order of their names."""
        place = str(after) if after else ""
        rows = sorted(self.list_current(), key=lambda row: str(row.image))
        return [
            IndexedImage(
                image=row.image, status=row.status, against=row.against, keys=self._keys(row)
            )
            for row in rows
            if str(row.image) > place
        ][:limit]

    def _keys(self, row: CurrentVerdict) -> frozenset[int] | None:
        report = self.reports[row.report_id]
        if not report.platforms:
            return lookups.keys_of(report)
        keys: frozenset[int] = frozenset()
        for entry in report.platforms:
            found = self._keys(self._current(replace(row.image, digest=entry.digest)))
            if found is None:
                return None
            keys |= found
        return keys

    def current(self, image: ImageReference) -> CurrentVerdict | None:
        """Return the verdict of the latest examination."""
        self._raise_outage()
        with self._lock:
            return self._current(image) if self._saves_of(image) else None

    def history(self, image: ImageReference) -> Iterator[PastVerdict]:
        """Yield all that was saved, the latest first, each examination once."""
        self._raise_outage()
        with self._lock:
            reports = [save.report for save in self._saves_of(image)]
        # Who asked first stays: a dictionary keeps what comes last.
        examinations = {(report.as_of, report.id): report for report in reversed(reports)}
        for _, report in sorted(examinations.items(), reverse=True):
            counts = report.severity_counts().items()
            yield PastVerdict(
                image=report.image,
                status=report.verdict.status,
                reason=str(report.verdict.reason or ""),
                rule=report.verdict.rule,
                counts=" ".join(f"{severity.name}={count}" for severity, count in counts),
                report_id=report.id,
                requested_at=report.requested_at,
                as_of=report.as_of,
                finished_at=report.finished_at,
            )

    def resolve_tag(self, registry: str, repository: str, tag: str) -> Digest | None:
        """Return the digest of the latest push of a tag."""
        self._raise_outage()
        with self._lock:
            pushes = [
                (save.report.requested_at, save.report.image.digest)
                for save in self._saves
                if (registry, repository, tag)
                == (save.report.image.registry, save.report.image.repository, save.report.image.tag)
            ]
        return max(pushes)[1] if pushes else None

    def list_current(
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> Iterator[CurrentVerdict]:
        """Yield what is current, in the order of the names."""
        self._raise_outage()
        with self._lock:
            images = {str(save.report.image): save.report.image for save in self._saves}
            verdicts = [self._current(image) for image in images.values()]
        verdicts.sort(key=lambda verdict: place(verdict.image))
        for verdict in verdicts:
            if verdict.reason == NotApplicableReason.DELETED:
                continue
            if after and place(verdict.image) <= place(after):
                continue
            if status in {None, verdict.status} and (
                repository is None or fnmatchcase(verdict.image.repository, repository)
            ):
                yield verdict

    def judged(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> frozenset[Digest]:
        """Return what has a verdict and was not deleted."""
        self._raise_outage()
        images = {
            digest: ImageReference(registry=registry, repository=repository, digest=digest)
            for digest in digests
        }
        return frozenset(
            digest
            for digest, image in images.items()
            if (verdict := self.current(image)) and verdict.reason != NotApplicableReason.DELETED
        )

    def _saves_of(self, image: ImageReference) -> list[_Save]:
        return [save for save in self._saves if str(save.report.image) == str(image)]

    def _current(self, image: ImageReference) -> CurrentVerdict:
        saves = self._saves_of(image)
        *earlier, report = sorted((save.report for save in saves), key=lambda r: (r.as_of, r.id))
        tags = [(s.report.requested_at, s.report.image.tag) for s in saves if s.report.image.tag]
        kept = [
            push
            for push in tags
            if self.resolve_tag(image.registry, image.repository, push[1]) == image.digest
        ]
        indexes = [save.part_of for save in saves if save.part_of]
        counts = " ".join(f"{s.name}={n}" for s, n in report.severity_counts().items())
        return CurrentVerdict(
            image=ImageReference(
                registry=image.registry,
                repository=image.repository,
                digest=image.digest,
                tag=max(kept)[1] if kept else None,
            ),
            status=report.verdict.status,
            reason=str(report.verdict.reason or ""),
            rule=report.verdict.rule,
            explanation=report.verdict.explanation,
            report_id=report.id,
            as_of=report.as_of,
            platform=str(report.platform or ""),
            counts=counts,
            part_of=indexes[-1] if indexes else None,
            against=self._against(report),
            was_tagged=bool(tags),
            report_before=_before(report, earlier),
        )

    def _against(self, report: Report) -> Check | None:
        if report.advisories is None:
            return None
        first = Check(
            at=report.as_of,
            advisories=report.advisories.digest,
            advisories_of=report.advisories.updated_at,
        )
        checks = [
            c for image, of, c in self._checks if (image, of) == (str(report.image), report.id)
        ]
        return max([first, *checks], key=lambda check: check.at)

    def _raise_outage(self) -> None:
        if self.outage is not None:
            raise self.outage


class InMemorySweepStore:
    """Sweeps by id."""

    def __init__(self) -> None:
        self.sweeps: dict[str, Sweep] = {}
        self.last: Inputs | None = None

    def find(self, sweep_id: str) -> Sweep | None:
        """Return what was saved first."""
        return self.sweeps.get(sweep_id)

    def save(self, sweep: Sweep) -> None:
        """Keep the first."""
        self.sweeps.setdefault(sweep.id, sweep)

    def inputs(self) -> Inputs | None:
        """Return what was set last."""
        return self.last

    def set_inputs(self, inputs: Inputs) -> None:
        """Take a note."""
        self.last = inputs


def place(image: ImageReference) -> tuple[str, str, Digest]:
    """Order as keys in Table Storage do, which may hold no slash."""
    return image.registry, image.repository.replace("/", "|"), image.digest


def _before(report: Report, earlier: list[Report]) -> str:
    """Name the last report before an image was deleted; of one that is there, nothing."""
    judged = [one.id for one in earlier if not _is_deletion(one)]
    return judged[-1] if _is_deletion(report) and judged else ""


def _is_deletion(report: Report) -> bool:
    return report.verdict.reason is NotApplicableReason.DELETED


@dataclass(kw_only=True)
class RecordingOutbox:
    """Remembers what shall be told, each verdict on an image once."""

    routes: frozenset[Status] = frozenset({Status.UNHEALTHY, Status.UNKNOWN})
    """The verdicts that somebody listens to."""
    announced: list[Report] = field(default_factory=list)
    outage: PushscanError | None = None

    def announce(self, report: Report) -> None:
        """Remember a report that calls for a notice, unless the same was said before."""
        if self.outage is not None:
            raise self.outage
        told = [known for known in self.announced if str(known.image) == str(report.image)]
        if report.verdict.status is Status.UNHEALTHY or _is_deletion(report):
            # Each takes the other back.
            told = [known for known in told if known.verdict.status is not Status.UNKNOWN][-1:]
        said = {str(known.verdict) for known in told}
        is_resolved = _is_deletion(report) and said == {"unhealthy"}
        is_new = report.verdict.status in self.routes and str(report.verdict) not in said
        if is_new or is_resolved:
            self.announced.append(report)


class InMemoryLedger:
    """Entries in a dictionary; one change at a time, as compare-and-swap has it in effect."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._lock = threading.Lock()

    def find(self, notice: Notice) -> Entry | None:
        """Return the entry of a notice."""
        return self.entries.get(notice.id)

    def change(
        self, notice: Notice, decide: Callable[[Entry | None], Entry | None]
    ) -> Entry | None:
        """Replace an entry by what `decide` makes of it."""
        with self._lock:
            entry = decide(self.entries.get(notice.id))
            if entry is not None:
                self.entries[notice.id] = entry
            return self.entries.get(notice.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentNotice:
    """What a channel was given."""

    route: str
    notice_id: str
    body: bytes


@dataclass(kw_only=True)
class RecordingChannel:
    """Accepts notices, or refuses them while `refusal` is set."""

    sent: list[SentNotice] = field(default_factory=list)
    refusal: NoticeError | None = None
    during_send: Callable[[], None] = lambda: None
    """Called in the middle of every send: where a second worker may come between."""

    def send(self, route: Route, *, notice_id: str, body: bytes) -> None:
        """Remember a notice."""
        self.during_send()
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(SentNotice(route=route.name, notice_id=notice_id, body=body))
