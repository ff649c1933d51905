"""The one way from what was seen to a judged report, whoever asks for it."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from scanner.ancestry import Ancestry
from scanner.classify import classify_index, judge
from scanner.classify.deciding import decide, turns_at
from scanner.classify.origins import origins
from scanner.classify.remedies import NewerBase, remedies
from scanner.model import (
    Decision,
    Lineage,
    NotApplicable,
    Platform,
    PlatformVerdict,
    Report,
    Rulebook,
    ScanReport,
    Status,
    Unexaminable,
    UnknownReason,
    Verdict,
)

NOT_JUDGED = Verdict(
    status=Status.UNKNOWN,
    reason=UnknownReason.INCOMPLETE,
    rule="examination-complete",
    explanation="Nothing is said of this image yet.",
)
"""The verdict of a report that is begun."""


def judged(
    begun: Report,
    seen: ScanReport | Unexaminable | NotApplicable,
    rulebook: Rulebook,
    ancestry: Callable[[], Ancestry] = Ancestry,
) -> Report:
    """Finish a report on one image: verdict, decisions, remedies, and the id that follows.

    Args:
        begun: All that is known of the image beside its packages, and the tag that rules go by.
        seen: What came of the examination.
        rulebook: What decides.
        ancestry: Asked for what the image comes from, if there is something to tell by it.
    """
    if isinstance(seen, NotApplicable):
        begun = replace(begun, scanner=None, advisories=None)
    report = replace(
        begun,
        policy=rulebook.applied(tag=begun.policy.tag),
        scan=seen if isinstance(seen, ScanReport) else None,
    )
    verdict, decisions = judge(report, seen, rulebook)
    report = replace(report, verdict=verdict, decisions=decisions)
    if decisions:
        report = _traced(report, rulebook, ancestry())
    return identified(replace(report, turns_at=turns_at(report, rulebook)))


def _traced(report: Report, rulebook: Rulebook, ancestry: Ancestry) -> Report:
    """Say who brought each finding, and of what blocks, what would clear it."""
    brought_by = origins(
        report.subjects, report.layers, report.lineage or Lineage(), ancestry.previous
    )
    decisions = tuple(
        replace(decision, origin=origin)
        for decision, origin in zip(report.decisions, brought_by, strict=True)
    )
    found = remedies(decisions, newer_base=_newer_base(report, rulebook, ancestry.newer_base))
    return replace(report, decisions=decisions, remedies=found)


def _newer_base(report: Report, rulebook: Rulebook, base: Report | None) -> NewerBase | None:
    if base is None or report.lineage is None:
        return None
    # By the rules for the image that would be built on it, as of now.
    inside = replace(base, image=report.image, policy=report.policy, as_of=report.as_of)
    decisions: tuple[Decision, ...] = decide(inside, rulebook)
    return NewerBase(
        name=report.lineage.base_name, version=str(base.image.digest), decisions=decisions
    )


def platform_verdict(platform: Platform, report: Report) -> PlatformVerdict:
    """Return what an index says of a platform: what the report on that platform's image says."""
    return PlatformVerdict(
        platform=platform,
        digest=report.image.digest,
        verdict=report.verdict,
        report_id=report.id,
        counts=report.severity_counts(),
        turns_at=report.turns_at,
    )


def judged_index(begun: Report, platforms: Iterable[PlatformVerdict], rulebook: Rulebook) -> Report:
    """Finish a report on an index by the verdicts on its platforms."""
    platforms = tuple(platforms)
    # What blocks a platform is in its own report, and in the verdict on the whole.
    listed = (
        replace(one, verdict=replace(one.verdict, violations=(), weaknesses=()))
        for one in platforms
    )
    return identified(
        replace(
            begun,
            policy=rulebook.applied(tag=begun.policy.tag),
            verdict=classify_index(platforms),
            platforms=tuple(listed),
            turns_at=min((one.turns_at for one in platforms if one.turns_at), default=None),
        )
    )


def identified(report: Report) -> Report:
    """Give a report the id that follows from its inputs and what it says, 64 hex digits.

    Equal inputs give equal ids, so that whoever repeats a scan writes the same report again.
    """
    inputs = {
        "image": str(report.image),
        "verdict": str(report.verdict),
        "lineage": [str(report.lineage.base_digest), str(report.lineage.previous)]
        if report.lineage
        else None,
        "platforms": [[str(entry.digest), entry.report_id] for entry in report.platforms],
        "policy": [
            report.policy.name,
            str(report.policy.digest),
            str(report.policy.exemptions or ""),
            report.policy.tag,
            *(str(table.digest) for table in report.policy.exploits),
        ],
        # Time alone changes decisions, and who had the tag before changes what is new.
        "decisions": [
            [one.outcome, one.rule, one.exemption, str(one.due), one.unknown_inputs, one.origin]
            for one in report.decisions
        ],
        "turns_at": str(report.turns_at),
        "scanner": [report.scanner.version, str(report.scanner.digest), report.scanner.isolation]
        if report.scanner
        else None,
        "advisories": [str(report.advisories.digest), str(report.advisories.java_digest)]
        if report.advisories
        else None,
    }
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return replace(report, id=hashlib.sha256(canonical.encode()).hexdigest())
