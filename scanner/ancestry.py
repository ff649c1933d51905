"""Where an image comes from: what its tag named before, and which image it was built on.

Asked once, when an image is examined; the answer goes into its report, and stays as it was then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageFacts, ImageReference, Lineage, Platform, Report
from scanner.ports import Ancestors, KnownBase, ReportStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestry:
    """The reports that an image's origins and remedies are told by; None where there is none."""

    previous: Report | None = None
    newer_base: Report | None = None
    """On what the tag of its base names by now, if that is another image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestries:
    """Traces images back through what was stored. Safe to use from several threads."""

    store: ReportStore
    ancestors: Ancestors

    def trace(
        self,
        named: ImageReference,
        *,
        platform: Platform | None,
        layers: Sequence[Digest],
        facts: ImageFacts | None,
    ) -> Lineage:
        """Return where an image comes from. Raises StoreError.

        Args:
            named: What was pushed, with its tag: the image, or the index that it is part of.
            platform: Of the image.
            layers: Its diff_ids, bottom first; without any it comes from nowhere.
            facts: What its config says.
        """
        begun = Lineage(previous=self.ancestors.named_before(named))
        base = self._claimed_base(facts, platform, layers) if layers and facts else None
        base = base or (self.ancestors.base_of(named, layers) if layers else None)
        if base is None:
            return begun
        whole = self._as_pushed(base.image)
        return replace(
            begun,
            base_name=f"{whole.registry}/{whole.repository}"
            + (f":{whole.tag}" if whole.tag else ""),
            base_digest=whole.digest,
            base_layers=base.layers,
        )

    def of(self, report: Report) -> Ancestry:
        """Return what is stored now of those that an image comes from. Raises StoreError."""
        lineage, platform = report.lineage or Lineage(), report.platform
        previous = replace(report.image, digest=lineage.previous) if lineage.previous else None
        base = _parsed(lineage.base_name, lineage.base_digest)
        return Ancestry(
            previous=self._report_on(previous, platform) if previous else None,
            newer_base=self._newer(base, platform) if base and base.tag else None,
        )

    def _claimed_base(
        self, facts: ImageFacts, platform: Platform | None, layers: Sequence[Digest]
    ) -> KnownBase | None:
        """Return the base that an image names, if it was examined and its layers are there."""
        claimed = _parsed(facts.base_name, facts.base_digest)
        report = self._report_on(claimed, platform) if claimed else None
        if claimed is None or report is None or not report.layers:
            return None
        depth = len(report.layers)
        is_below = depth < len(layers) and tuple(layers[:depth]) == report.layers
        return KnownBase(image=claimed, layers=depth) if is_below else None

    def _as_pushed(self, image: ImageReference) -> ImageReference:
        """Return the index that an image is part of, else the image, with a tag that it had."""
        current = self.store.current(image)
        whole = image
        if current is not None and current.part_of is not None:
            whole = replace(image, digest=current.part_of, tag=None)
        tags = (past.image.tag for past in self.store.history(whole))
        return replace(whole, tag=whole.tag or next(filter(None, tags), None))

    def _newer(self, base: ImageReference, platform: Platform | None) -> Report | None:
        digest = self.store.resolve_tag(base.registry, base.repository, base.tag or "")
        if digest is None or digest == base.digest:
            return None
        report = self._report_on(replace(base, digest=digest), platform)
        return report if report is not None and report.scan is not None else None

    def _report_on(self, image: ImageReference, platform: Platform | None) -> Report | None:
        """Return the report on an image, or of an index that on its image for a platform."""
        current = self.store.current(image)
        if current is None:
            return None
        report = self.store.find_report(current.report_before or current.report_id)
        if report is None or not report.platforms:
            return report
        ids = (e.report_id for e in report.platforms if _is_same(e.platform, platform))
        report_id = next(filter(None, ids), None)
        return self.store.find_report(report_id) if report_id else None


def _is_same(platform: Platform, other: Platform | None) -> bool:
    """Whether two mean the same: an index names variants that an image's config leaves out."""
    if other is None:
        return False
    variants = {platform.variant, other.variant} - {""}
    return (platform.os, platform.architecture) == (other.os, other.architecture) and (
        len(variants) <= 1
    )


def _parsed(name: str, digest: Digest | None) -> ImageReference | None:
    """Read `registry/repository:tag`, which may come from an image; None for what is none."""
    registry, _, path = name.partition("/")
    repository, _, tag = path.partition("@")[0].partition(":")
    if digest is None:
        return None
    try:
        return ImageReference(
            registry=registry, repository=repository, digest=digest, tag=tag or None
        )
    except InvalidMessageError:
        return None
