"""Table `history`: a row for each examination of an image, the latest first.

Rows are only ever added; `old_history` removes what was superseded long ago. A partition is one
image; the key counts time down, so that the service's own order begins with what was said last.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import ImageReference, Report, Status
from scanner.ports import PastVerdict
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.image_row import counts_text, partition

_END: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class History:
    """Every examination, whatever became current. Safe to use from several threads."""

    def __init__(self, rows: RowTable) -> None:
        self._rows = rows

    def add(self, report: Report) -> None:
        """Note an examination; one that is noted stays as it is. Raises StoreError."""
        wanted: Row = {
            "tag": report.image.tag or "",
            "status": report.verdict.status.value,
            "reason": report.verdict.reason.value if report.verdict.reason else "",
            "rule": report.verdict.rule,
            "counts": counts_text(report),
            "report_id": report.id,
            "requested_at": to_text(report.requested_at),
            "as_of": to_text(report.as_of),
            "finished_at": to_text(report.finished_at),
            "platforms": ",".join(entry.report_id for entry in report.platforms),
        }
        key = RowKey(_partition(report.image), f"{_countdown(report.as_of)}|{report.id}")
        self._rows.change(key, lambda present: present or wanted)

    def of(self, image: ImageReference) -> Iterator[PastVerdict]:
        """Yield every examination of a digest, the latest first. Raises StoreError."""
        rows = self._rows.select("PartitionKey eq @partition", {"partition": _partition(image)})
        verdicts = (_read(image, key, row) for key, row in rows)
        # Of two at one moment the one with the greater id is current: it comes first.
        for _, together in groupby(verdicts, key=lambda verdict: verdict.as_of):
            yield from sorted(together, key=lambda verdict: verdict.report_id, reverse=True)


def named_by(row: Row) -> frozenset[str]:
    """Return the ids of the reports that a row needs: its own, and those of its platforms."""
    platforms = str(row["platforms"]).split(",")
    return frozenset(filter(None, [str(row["report_id"]), *platforms]))


def _partition(image: ImageReference) -> str:
    return f"{partition(image.registry, image.repository)}|{image.digest}"


def _countdown(moment: datetime) -> str:
    """Write the microseconds that are left until the year 10000: later is less."""
    return f"{(_END - moment) // _MICROSECOND:018}"


def _read(image: ImageReference, key: RowKey, row: Row) -> PastVerdict:
    text = {name: str(value) for name, value in row.items()}
    try:
        return PastVerdict(
            image=ImageReference(
                registry=image.registry,
                repository=image.repository,
                digest=image.digest,
                tag=text["tag"] or None,
            ),
            status=Status(text["status"]),
            reason=text["reason"],
            rule=text["rule"],
            counts=text["counts"],
            report_id=text["report_id"],
            requested_at=from_text(text["requested_at"]),
            as_of=from_text(text["as_of"]),
            finished_at=from_text(text["finished_at"]),
        )
    except (KeyError, ValueError, InvalidMessageError) as error:
        raise StoreError(f"history.read: row {key.row} is not one of ours") from error
