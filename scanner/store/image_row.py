"""The row of an image in table `images`: what is said of it now, and how news merge into it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest, ImageReference, NotApplicableReason, PassedOver, Report, Status
from scanner.ports import Check, CurrentVerdict
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey

_MAXIMUM_TEXT = 1_000
"""Characters of an explanation in a row; the report has it all. A property holds 32 Ki."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """What is current, and when the tag in it was pushed."""

    current: CurrentVerdict
    tagged_at: datetime | None

    @classmethod
    def of(cls, report: Report, *, part_of: Digest | None) -> Self:
        """Build the row that a report alone would give."""
        verdict = report.verdict
        return cls(
            current=CurrentVerdict(
                image=report.image,
                status=verdict.status,
                reason=verdict.reason.value if verdict.reason else "",
                rule=verdict.rule,
                explanation=_shortened(verdict.explanation),
                report_id=report.id,
                as_of=report.as_of,
                platform=str(report.platform) if report.platform else "",
                counts=counts_text(report),
                part_of=part_of,
                against=_check(report),
                turns_at=report.turns_at,
                was_tagged=report.image.tag is not None,
                passed_over=report.scan.passed_over if report.scan else None,
            ),
            tagged_at=report.requested_at if report.image.tag else None,
        )

    def merged_into(self, present: "ImageRow | None") -> "ImageRow":
        """Return what stands after this row arrived at one that may be newer.

        The verdict is that of the later examination, the tag that of the later push, and an index
        once known stays known. Ties fall to the greater id, so that all writers agree. A deleted
        image keeps the id of the report before.
        """
        if present is None:
            return self
        # Of two that are the same the present one stays: it may have been confirmed since.
        earlier, later = sorted((self, present), key=ImageRow._examined)
        tagged = max(present, self, key=ImageRow._tagged)
        current = replace(
            later.current,
            image=replace(later.current.image, tag=tagged.current.image.tag),
            part_of=self.current.part_of or present.current.part_of,
            was_tagged=tagged.tagged_at is not None,
            report_before=_report_before(later.current, earlier.current),
            passed_over=later.current.passed_over or earlier.current.passed_over,
        )
        return ImageRow(current=current, tagged_at=tagged.tagged_at)

    def confirmed(self, report_id: str, check: Check, passed_over: PassedOver | None) -> "ImageRow":
        """Return the row of a verdict that was held against something once more."""
        current = self.current
        if current.report_id != report_id or (current.against and check.at <= current.against.at):
            return self
        known = passed_over or current.passed_over
        return replace(self, current=replace(current, against=check, passed_over=known))

    def _examined(self) -> tuple[datetime, str]:
        return self.current.as_of, self.current.report_id

    def _tagged(self) -> tuple[str, str]:
        return (to_text(self.tagged_at) if self.tagged_at else "", self.current.image.tag or "")

    def write(self) -> Row:
        """Write the properties of the row."""
        current = self.current
        return {
            "tag": current.image.tag or "",
            "tagged_at": to_text(self.tagged_at) if self.tagged_at else "",
            "status": current.status.value,
            "reason": current.reason,
            "rule": current.rule,
            "explanation": current.explanation,
            "report_id": current.report_id,
            "as_of": to_text(current.as_of),
            "platform": current.platform,
            "counts": current.counts,
            "part_of": str(current.part_of or ""),
            "checked_at": to_text(current.against.at) if current.against else "",
            "advisories": str(current.against.advisories) if current.against else "",
            "advisories_of": to_text(current.against.advisories_of) if current.against else "",
            "report_before": current.report_before,
            "rules": str(current.against.rules or "") if current.against else "",
            "turns_at": to_text(current.turns_at) if current.turns_at else "",
            "passed_over": _write_passed_over(current.passed_over),
        }

    @classmethod
    def read(cls, key: RowKey, row: Row) -> Self:
        """Read a row. Raises StoreError for one that `write` would not have written."""
        registry = key.partition.partition("|")[0]
        text = {name: str(value) for name, value in row.items()}
        try:
            image = ImageReference(
                registry=registry,
                repository=repository_of(key.partition),
                digest=Digest(key.row),
                tag=text["tag"] or None,
            )
            return cls(
                current=CurrentVerdict(
                    image=image,
                    status=Status(text["status"]),
                    reason=text["reason"],
                    rule=text["rule"],
                    explanation=text["explanation"],
                    report_id=text["report_id"],
                    as_of=from_text(text["as_of"]),
                    platform=text["platform"],
                    counts=text["counts"],
                    part_of=Digest(text["part_of"]) if text["part_of"] else None,
                    against=_read_check(text),
                    was_tagged=bool(text["tagged_at"]),
                    # Rows that were written before this column was do not have it.
                    report_before=text.get("report_before", ""),
                    turns_at=from_text(text["turns_at"]) if text.get("turns_at") else None,
                    passed_over=_read_passed_over(text.get("passed_over", "")),
                ),
                tagged_at=from_text(text["tagged_at"]) if text["tagged_at"] else None,
            )
        except (KeyError, ValueError, InvalidMessageError) as error:
            raise StoreError(f"images.read: row {key.row} is not one of ours") from error


def _check(report: Report) -> Check | None:
    if report.advisories is None:
        return None
    return Check(
        at=report.as_of,
        advisories=report.advisories.digest,
        advisories_of=report.advisories.updated_at,
        rules=report.policy.fingerprint,
    )


def _read_check(text: Mapping[str, str]) -> Check | None:
    # Rows of before these properties have none of them.
    if not text.get("checked_at"):
        return None
    return Check(
        at=from_text(text["checked_at"]),
        advisories=Digest(text["advisories"]),
        advisories_of=from_text(text["advisories_of"]),
        rules=Digest(text["rules"]) if text.get("rules") else None,
    )


def _write_passed_over(known: PassedOver | None) -> str:
    return json.dumps([known.rules, *known.texts], separators=(",", ":")) if known else ""


def _read_passed_over(text: str) -> PassedOver | None:
    if not text:
        return None
    rules, *texts = json.loads(text)
    return PassedOver(rules=rules, texts=tuple(texts))


def _is_deletion(verdict: CurrentVerdict) -> bool:
    return verdict.reason == NotApplicableReason.DELETED


def _report_before(later: CurrentVerdict, earlier: CurrentVerdict) -> str:
    if not _is_deletion(later):
        return ""
    known = later.report_before or earlier.report_before
    return known or ("" if _is_deletion(earlier) else earlier.report_id)


def partition(registry: str, repository: str) -> str:
    """Return the partition of a repository; a key may hold no slash (Azure Tables data model)."""
    return f"{registry}|{repository.replace('/', '|')}"


def repository_of(partition_key: str) -> str:
    """Return the repository whose partition this is."""
    return partition_key.partition("|")[2].replace("|", "/")


def image_key(image: ImageReference) -> RowKey:
    """Return where the row of an image stands."""
    return RowKey(partition(image.registry, image.repository), str(image.digest))


def counts_text(report: Report) -> str:
    """Return the findings by severity as a row has them."""
    # Empty where nothing was examined: zeros would look like a clean image.
    return " ".join(f"{s.name}={count}" for s, count in report.severity_counts().items())


def _shortened(text: str) -> str:
    return text if len(text) <= _MAXIMUM_TEXT else text[: _MAXIMUM_TEXT - 1] + "…"
