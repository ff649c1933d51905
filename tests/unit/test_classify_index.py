import pytest

from scanner.classify import classify_index
from scanner.model import (
    Finding,
    NotApplicable,
    NotApplicableReason,
    Platform,
    PlatformVerdict,
    Status,
    UnknownReason,
    Verdict,
)
from tests.examples import DIGEST, finding
from tests.judgements import judge


def platform(architecture: str, verdict: Verdict) -> PlatformVerdict:
    """Return the verdict on one platform."""
    return PlatformVerdict(
        platform=Platform(os="linux", architecture=architecture),
        digest=DIGEST,
        verdict=verdict,
        report_id="r",
        counts={},
    )


def verdict_of(status: Status, *violations: Finding) -> Verdict:
    """Return a verdict with that status."""
    reasons: dict[Status, UnknownReason | NotApplicableReason] = {
        Status.UNKNOWN: UnknownReason.TIMEOUT,
        Status.NOT_APPLICABLE: NotApplicableReason.ARTIFACT,
    }
    reason = reasons.get(status)
    return Verdict(status=status, reason=reason, rule="r", explanation="e", violations=violations)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([Status.HEALTHY, Status.HEALTHY], Status.HEALTHY),
        ([Status.HEALTHY, Status.UNHEALTHY, Status.UNKNOWN], Status.UNHEALTHY),
        ([Status.HEALTHY, Status.UNKNOWN], Status.UNKNOWN),
        ([Status.HEALTHY, Status.NOT_APPLICABLE], Status.HEALTHY),
        ([Status.NOT_APPLICABLE], Status.NOT_APPLICABLE),
        ([], Status.NOT_APPLICABLE),
    ],
)
def test_an_index_is_as_healthy_as_its_worst_platform(
    statuses: list[Status], expected: Status
) -> None:
    """One unhealthy platform is enough, and outweighs one that is unknown."""
    assert classify_index([platform("amd64", verdict_of(s)) for s in statuses]).status is expected


def test_an_index_names_its_unhealthy_platforms() -> None:
    """A person must see which one to mend, and its findings."""
    verdict = classify_index(
        [
            platform("amd64", verdict_of(Status.HEALTHY)),
            platform("arm64", verdict_of(Status.UNHEALTHY, finding())),
        ]
    )
    assert "linux/arm64" in verdict.explanation
    assert "amd64" not in verdict.explanation
    assert verdict.violations == (finding(),)


def test_a_platform_that_is_gone_makes_the_index_unknown() -> None:
    """A manifest that the registry no longer has was not examined."""
    gone = judge(NotApplicable(reason=NotApplicableReason.DELETED))
    verdict = classify_index([platform("amd64", verdict_of(Status.HEALTHY)), platform("arm", gone)])
    assert (verdict.status, verdict.reason) == (Status.UNKNOWN, UnknownReason.INCOMPLETE)
