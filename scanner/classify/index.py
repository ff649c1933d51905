"""The verdict on an index: as healthy as its worst platform."""

from collections.abc import Sequence

from scanner.classify.order import worst_first, worst_weaknesses_first
from scanner.model import (
    NotApplicableReason,
    PlatformVerdict,
    Status,
    UnknownReason,
    Verdict,
)


def classify_index(platforms: Sequence[PlatformVerdict]) -> Verdict:
    """Judge an index by its platforms: unhealthy if one is, then unknown if one is.

    A platform whose manifest is gone from the registry counts as unknown: it was not examined.
    """
    by_status = {
        status: [entry for entry in platforms if entry.verdict.status is status]
        for status in Status
    }
    deleted = [
        entry
        for entry in by_status[Status.NOT_APPLICABLE]
        if entry.verdict.reason is NotApplicableReason.DELETED
    ]
    if unhealthy := by_status[Status.UNHEALTHY]:
        verdicts = [entry.verdict for entry in unhealthy]
        return Verdict(
            status=Status.UNHEALTHY,
            rule="every-platform-healthy",
            explanation=f"Unhealthy for {_names(unhealthy)}: {verdicts[0].explanation}",
            violations=worst_first({one for verdict in verdicts for one in verdict.violations}),
            weaknesses=worst_weaknesses_first(
                {one for verdict in verdicts for one in verdict.weaknesses}
            ),
        )
    if unknown := by_status[Status.UNKNOWN]:
        reason = unknown[0].verdict.reason
        return Verdict(
            status=Status.UNKNOWN,
            reason=reason,
            rule="every-platform-healthy",
            explanation=f"Unknown for {_names(unknown)}: {unknown[0].verdict.explanation}",
        )
    if deleted:
        return Verdict(
            status=Status.UNKNOWN,
            reason=UnknownReason.INCOMPLETE,
            rule="every-platform-healthy",
            explanation=f"The manifest for {_names(deleted)} is not in the registry.",
        )
    if healthy := by_status[Status.HEALTHY]:
        return Verdict(
            status=Status.HEALTHY,
            rule="every-platform-healthy",
            explanation=f"Healthy for {_names(healthy)}.",
        )
    return Verdict(
        status=Status.NOT_APPLICABLE,
        reason=NotApplicableReason.ARTIFACT,
        rule="is-an-image",
        explanation="The index names no image.",
    )


def _names(platforms: Sequence[PlatformVerdict]) -> str:
    return ", ".join(str(entry.platform) or str(entry.digest) for entry in platforms)
