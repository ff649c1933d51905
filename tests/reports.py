"""Examples of reports, one a verdict; `seed` gives another id to the same content."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any

from scanner.classify.remedies import remedies
from scanner.model import (
    Decision,
    Digest,
    ImageFacts,
    Lineage,
    NotApplicableReason,
    Origin,
    Outcome,
    Platform,
    PlatformVerdict,
    Rating,
    Remedy,
    RemedyKind,
    Report,
    Scanner,
    Severity,
    Status,
    Stream,
    Transition,
    TransitionKind,
    UnknownReason,
    Verdict,
    Weakness,
    WeaknessKind,
)
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.policies import APPLIED

SCANNER = Scanner(
    name="trivy",
    version="0.76.0",
    digest=Digest("sha256:" + "7f" * 32),
    isolation="bubblewrap 0.12.0",
)
AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64", variant="v8")


def report(
    verdict: Verdict,
    *,
    as_of: datetime = NOW,
    requested_at: datetime = NOW,
    tag: str | None = "v7",
    seed: int = 0,
) -> Report:
    """Return a report with this verdict, on an image that was not examined."""
    inputs = f"{verdict} {as_of} {seed}"
    return Report(
        id=hashlib.sha256(inputs.encode()).hexdigest(),
        image=replace(IMAGE, tag=tag),
        job_id=job().id,
        requested_at=requested_at,
        as_of=as_of,
        finished_at=as_of,
        verdict=verdict,
        policy=APPLIED,
        scanner=SCANNER,
        advisories=ADVISORIES,
    )


def unhealthy_report(
    *,
    as_of: datetime = NOW,
    requested_at: datetime = NOW,
    tag: str | None = "v7",
    seed: int = 0,
) -> Report:
    """Return a report on an image with a critical and a high finding."""
    findings = (
        replace(finding(Severity.CRITICAL), vulnerability="CVE-2021-44228", package="log4j-core"),
        finding(Severity.HIGH),
    )
    verdict = Verdict(
        status=Status.UNHEALTHY,
        rule="severity-threshold",
        explanation="2 findings at or above HIGH, the worst CRITICAL.",
        violations=findings,
    )
    return replace(
        report(verdict, as_of=as_of, requested_at=requested_at, tag=tag, seed=seed),
        platform=AMD64,
        scan=scan_report(*findings, warnings=("app/broken.jar: not a zip file",)),
        config_digest=Digest("sha256:" + "c0" * 32),
        layers=(Digest("sha256:" + "1a" * 32), Digest("sha256:" + "2b" * 32)),
    )


def decided(report: Report) -> Report:
    """Return a report with the decisions that its findings block, and what would mend it."""
    decisions = tuple(
        Decision(subject=one, outcome=Outcome.BLOCKS, rule=report.verdict.rule)
        for one in report.subjects
    )
    return replace(report, decisions=decisions, remedies=remedies(decisions))


def judged_report() -> Report:
    """Return a report that has all that can be said of an image: a secret, a setting, remedies."""
    begun = unhealthy_report()
    secret = Weakness(
        kind=WeaknessKind.SECRET,
        id="github-pat",
        severity=Severity.CRITICAL,
        title="GitHub Personal Access Token",
        path="app/.env",
        line=3,
        layer_diff_id="sha256:" + "2b" * 32,
    )
    setting = Weakness(
        kind=WeaknessKind.MISCONFIGURATION,
        id="root-user",
        severity=Severity.LOW,
        title="The image runs as root",
    )
    rated = replace(
        finding(Severity.HIGH),
        ratings=(Rating(source="nvd", severity=Severity.HIGH, score=8.6), Rating(source="x")),
        published_at=NOW,
    )
    facts = ImageFacts(
        created_at=NOW,
        base_name="mcr.microsoft.com/base:1",
        base_digest=Digest("sha256:" + "ba" * 32),
        weaknesses=(setting,),
    )
    lineage = Lineage(
        base_name=facts.base_name,
        base_digest=facts.base_digest,
        base_layers=1,
        previous=IMAGE.digest,
    )
    report = replace(
        begun, scan=scan_report(rated, weaknesses=(secret,)), facts=facts, lineage=lineage
    )
    outcomes = (Outcome.BLOCKS, Outcome.ACCEPTED, Outcome.INFORMS)
    return replace(
        report,
        decisions=tuple(
            Decision(
                subject=subject,
                outcome=outcome,
                rule="severity-threshold",
                exemption="exemptions.yaml#1" if outcome is Outcome.ACCEPTED else "",
                due=NOW,
                unknown_inputs=("epss",),
                origin=Origin.THIS_PUSH,
            )
            for subject, outcome in zip(report.subjects, outcomes, strict=True)
        ),
        remedies=(
            Remedy(
                kind=RemedyKind.UPGRADE,
                target="jinja2",
                package_type="python-pkg",
                installed_version="2.10",
                wanted_version="2.10.1",
                layer_diff_id=rated.layer_diff_id,
                origin=Origin.THIS_PUSH,
                clears=("CVE-2019-10906",),
            ),
        ),
    )


def healthy_report(
    *, as_of: datetime = NOW, requested_at: datetime = NOW, tag: str | None = "v7"
) -> Report:
    """Return a report on an image without findings."""
    verdict = Verdict(
        status=Status.HEALTHY, rule="severity-threshold", explanation="No finding in 88 packages."
    )
    return replace(
        report(verdict, as_of=as_of, requested_at=requested_at, tag=tag),
        platform=AMD64,
        scan=scan_report(),
    )


def unknown_report(
    reason: UnknownReason = UnknownReason.CORRUPT_LAYER, *, tag: str | None = "v7"
) -> Report:
    """Return a report on an image that could not be examined."""
    verdict = Verdict(
        status=Status.UNKNOWN,
        reason=reason,
        rule="examination-complete",
        explanation="Layer 2 is not what its digest says.",
    )
    return report(verdict, tag=tag)


def not_applicable_report() -> Report:
    """Return a report on a signature."""
    verdict = Verdict(
        status=Status.NOT_APPLICABLE,
        reason=NotApplicableReason.SIGNATURE,
        rule="is-an-image",
        explanation="The manifest is no image: signature.",
    )
    return replace(report(verdict), scanner=None, advisories=None)


def deleted_report(*, as_of: datetime = NOW, tag: str | None = None) -> Report:
    """Return a report on a manifest that the registry no longer has."""
    verdict = Verdict(
        status=Status.NOT_APPLICABLE,
        reason=NotApplicableReason.DELETED,
        rule="is-an-image",
        explanation="No image, but of kind deleted (the registry has no such manifest).",
    )
    return replace(report(verdict, as_of=as_of, tag=tag), scanner=None, advisories=None)


def index_report(*children: tuple[Platform, Report], digest: Digest) -> Report:
    """Return a report on an index of these images, as healthy as the first of them."""
    worst = children[0][1].verdict
    return replace(
        report(worst),
        id=hashlib.sha256("".join(child.id for _, child in children).encode()).hexdigest(),
        image=replace(IMAGE, digest=digest),
        platforms=tuple(
            PlatformVerdict(
                platform=platform,
                digest=child.image.digest,
                verdict=child.verdict,
                report_id=child.id,
                counts=child.severity_counts(),
            )
            for platform, child in children
        ),
    )


def transition_by(
    report: Report,
    kind: TransitionKind = TransitionKind.NEWLY_UNHEALTHY,
    **changes: Any,  # noqa: ANN401  of whatever type the member has
) -> Transition:
    """Return a transition that a report brought about, the first of its stream."""
    image = report.image
    begun = Transition(
        stream=Stream(
            registry=image.registry,
            repository=image.repository,
            name=image.tag or str(image.digest),
        ),
        number=1,
        kind=kind,
        image=image,
        report_id=report.id,
        report_before="",
        before=None,
        at=NOW,
        since=report.as_of,
    )
    return replace(begun, **changes)
