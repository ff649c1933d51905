"""What was said of an image before: `pushscan show --history`, and what `explain` looks up."""

from collections.abc import Iterable
from datetime import datetime

from scanner.cli.screen import VERDICT_STYLES, Screen, minute, print_json, shown
from scanner.ports import PastVerdict
from scanner.storage.moments import to_text

_JUDGED_WIDTH = 22
_VERDICT_WIDTH = 16
_FOUND_WIDTH = 24


def known_at(history: Iterable[PastVerdict], moment: datetime) -> PastVerdict | None:
    """Return what was current at a moment: of what was reached by then, the latest look."""
    return next((past for past in history if past.finished_at <= moment), None)


def print_history(screen: Screen, history: Iterable[PastVerdict], *, json: bool) -> None:
    """Print a line for each examination, or one JSON array."""
    if json:
        print_json([_entry(past) for past in history])
        return
    screen.line((_columns("JUDGED", "VERDICT", "FOUND") + "REPORT", "bold"))
    for past in history:
        columns = _columns(minute(past.as_of), past.status, _found(past))
        verdict_ends = _JUDGED_WIDTH + _VERDICT_WIDTH
        screen.line(
            columns[:_JUDGED_WIDTH],
            (columns[_JUDGED_WIDTH:verdict_ends], VERDICT_STYLES[past.status]),
            columns[verdict_ends:],
            past.report_id[:12] + "…" if screen.is_terminal else past.report_id,
            folds=False,
        )


def _columns(judged: str, verdict: str, found: str) -> str:
    return f"{judged:<{_JUDGED_WIDTH}}{verdict:<{_VERDICT_WIDTH}}{found:<{_FOUND_WIDTH}}"


def _found(past: PastVerdict) -> str:
    if past.reason:
        return shown(past.reason, _FOUND_WIDTH)
    found = [entry.partition("=") for entry in past.counts.split()]
    return " ".join(f"{count}{name[0]}" for name, _, count in found if count != "0") or "none"


def _entry(past: PastVerdict) -> dict[str, str | None]:
    return {
        "report_id": past.report_id,
        "status": past.status.value,
        "reason": past.reason or None,
        "rule": past.rule,
        "counts": past.counts or None,
        "as_of": to_text(past.as_of),
        "finished_at": to_text(past.finished_at),
        "requested_at": to_text(past.requested_at),
        "tag": past.image.tag,
    }
