"""What is said of an image -> referrers beside it in its registry, and the old ones away.

For admission control and for whoever asks the registry alone. Pushed only where the content has
changed; a repeat finds what an earlier try has done, whenever that died.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scanner.bills import Bills
from scanner.errors import ExportError
from scanner.exports import Exported, exported, sarif
from scanner.exports.cyclonedx import MEDIA_TYPE as CYCLONEDX
from scanner.exports.referrer import CONTENT, CREATED, EMPTY, moment, referrer
from scanner.exports.sarif import MEDIA_TYPE as SARIF
from scanner.model import AttachmentKind, Digest, ImageReference, Report, Status
from scanner.ports import Referrer, Referrers, ReportStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacher:
    """Attaches exports to images. Every step is safe to repeat, and the queue repeats it."""

    store: ReportStore
    bills: Bills
    referrers: Referrers
    kinds: frozenset[AttachmentKind]

    def attach(self, image: ImageReference) -> None:
        """Attach what is said of an image now, and of each platform of an index.

        Raises RegistryError, StoreError, AdvisoriesError or SandboxUnavailableError for our own
        faults: it is then tried again.
        """
        current = self.store.current(image)
        report = self.store.find_report(current.report_id) if current else None
        if report is None or report.verdict.status is Status.NOT_APPLICABLE:
            # Among others what was attached before, and was announced like any push.
            return
        about = exported(replace(report, image=image), self.store.find_report)
        if report.platforms:
            self._attach(about, report, with_bill=False)
        for one in about.platforms:
            if one.report is not None and one.report.verdict.status is not Status.NOT_APPLICABLE:
                # Another tag, or none, may have been on it when it was judged.
                platform = replace(one.report, image=replace(image, digest=one.digest))
                alone = exported(platform, lambda _: None)
                self._attach(alone, platform, with_bill=bool(platform.layers))

    def _attach(self, about: Exported, report: Report, *, with_bill: bool) -> None:
        contents: dict[str, bytes] = {}
        if AttachmentKind.SARIF in self.kinds:
            contents[SARIF] = sarif(about)
        if AttachmentKind.CYCLONEDX in self.kinds and with_bill:
            try:
                contents[CYCLONEDX] = self.bills.bill(report)
            except ExportError as error:
                # It has been examined, and will be again; what is attached stays until then.
                logger.warning("bill.missing image=%s why=%s", report.image, error)
        if contents:
            self._put(report, contents)

    def _put(self, report: Report, contents: Mapping[str, bytes]) -> None:
        image = report.image
        subject = self.referrers.describe(image)
        attached = self.referrers.attached(image) if subject else None
        if subject is None or attached is None:
            logger.warning("export.not_attached image=%s why=no-image-or-no-referrers", image)
            return
        described = {
            "mediaType": subject.media_type,
            "digest": str(subject.digest),
            "size": subject.size,
        }
        for artifact_type, content in contents.items():
            ours = [
                one
                for one in attached
                if one.artifact_type == artifact_type and CONTENT in one.untrusted_annotations
            ]
            right = [one for one in ours if _is_right(one, described, content)]
            if not right:
                created = moment(report.as_of)
                manifest = referrer(described, artifact_type, content, created=created)
                self.referrers.push(image, manifest, (EMPTY, content))
                logger.info("export.attached image=%s type=%s", image, artifact_type)
                self._remove(image, ours, keep=Digest.of(manifest))
            else:
                # Two tries at once may both have pushed: the later one stays.
                kept = max(right, key=lambda one: one.untrusted_annotations[CREATED])
                self._remove(image, ours, keep=kept.digest)

    def _remove(self, image: ImageReference, found: list[Referrer], *, keep: Digest) -> None:
        for one in found:
            if one.digest != keep and not self.referrers.remove(image, one.digest):
                return


def _is_right(found: Referrer, subject: Mapping[str, object], content: bytes) -> bool:
    """Say whether a referrer is, byte for byte, what would be pushed at its time."""
    created = found.untrusted_annotations.get(CREATED, "")
    expected = referrer(subject, found.artifact_type, content, created=created)
    return Digest.of(expected) == found.digest
