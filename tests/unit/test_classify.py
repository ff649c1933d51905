from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.model import (
    NotApplicable,
    NotApplicableReason,
    OperatingSystem,
    PackageGroup,
    Rulebook,
    Severity,
    Status,
    Unexaminable,
    UnknownReason,
)
from tests.examples import ADVISORIES, NOW, finding, scan_report
from tests.judgements import judge
from tests.policies import STRICT, default, strict, verdict_on


def test_an_examined_image_without_findings_is_healthy() -> None:
    """The explanation says how much was examined."""
    verdict = judge(scan_report())
    assert (verdict.status, verdict.rule) == (Status.HEALTHY, "nothing-blocks")
    assert verdict.explanation.startswith("88 packages examined")


@pytest.mark.parametrize(
    ("severity", "fail_on", "status"),
    [
        (Severity.CRITICAL, Severity.HIGH, Status.UNHEALTHY),
        (Severity.HIGH, Severity.HIGH, Status.UNHEALTHY),
        (Severity.MEDIUM, Severity.HIGH, Status.HEALTHY),
        (Severity.UNKNOWN, Severity.LOW, Status.HEALTHY),
        (Severity.LOW, Severity.LOW, Status.UNHEALTHY),
    ],
)
def test_the_threshold_decides(severity: Severity, fail_on: Severity, status: Status) -> None:
    """At the threshold is over it; a severity nobody has given is under every threshold."""
    assert judge(scan_report(finding(severity)), strict(fail_on)).status is status


@pytest.mark.parametrize(
    ("fixed_version", "rulebook", "status"),
    [
        ("", default(), Status.HEALTHY),
        ("", STRICT, Status.UNHEALTHY),
        ("2.10.1", default(), Status.UNHEALTHY),
    ],
)
def test_findings_without_a_fix_may_be_let_pass(
    fixed_version: str, rulebook: Rulebook, status: Status
) -> None:
    """Only if the policy says so."""
    seen = scan_report(finding(fixed_version=fixed_version))
    assert judge(seen, rulebook).status is status


def test_the_worst_violation_stands_first() -> None:
    """A message that is cut keeps what matters."""
    low, critical = finding(Severity.HIGH), finding(Severity.CRITICAL)
    assert judge(scan_report(low, critical)).violations == (critical, low)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"operating_system": None}, UnknownReason.UNSUPPORTED_OS),
        (
            {"operating_system": OperatingSystem(family="none", name="")},
            UnknownReason.UNSUPPORTED_OS,
        ),
        (
            {"operating_system": OperatingSystem(family="foobar", name="1")},
            UnknownReason.UNSUPPORTED_OS,
        ),
        (
            {"operating_system": OperatingSystem(family="debian", name="9", is_end_of_life=True)},
            UnknownReason.END_OF_LIFE,
        ),
        ({"package_groups": ()}, UnknownReason.NO_PACKAGES),
        ({"warnings": ("no advisories: debian 99",)}, UnknownReason.NO_ADVISORIES),
        ({"warnings": ("not examined: a", "not examined: b")}, UnknownReason.INCOMPLETE),
        (
            {
                "package_groups": (
                    PackageGroup(
                        target="Python",
                        package_class="lang-pkgs",
                        package_type="python-pkg",
                        package_count=3,
                    ),
                )
            },
            UnknownReason.NO_PACKAGES,
        ),
    ],
)
def test_what_was_not_examined_is_never_healthy(
    change: dict[str, object], reason: UnknownReason
) -> None:
    """No findings may only be said of what was looked at; a violation still counts."""
    verdict = judge(scan_report(**change))
    assert (verdict.status, verdict.reason) == (Status.UNKNOWN, reason)
    assert judge(scan_report(finding(), **change)).status is Status.UNHEALTHY


@pytest.mark.parametrize(
    ("family", "release", "source"),
    [
        ("alma", "9.4", "alma 9"),
        ("alpine", "3.22.1", "alpine 3.22"),
        ("amazon", "2 (Karoo)", "amazon linux 2"),
        ("amazon", "2023.6.20241010 (Amazon Linux)", "amazon linux 2023"),
        ("amazon", "AMI release 2018.03", "amazon linux 1"),
        ("amazon", "", "amazon linux 1"),
        ("azurelinux", "3.0", "Azure Linux 3.0"),
        ("bottlerocket", "1.34.0", "bottlerocket"),
        ("cbl-mariner", "2.0.20240628", "CBL-Mariner 2.0"),
        ("centos", "8.3.2011", "Red Hat"),
        ("chainguard", "20230214", "chainguard"),
        ("debian", "13.1", "debian 13"),
        ("debian", "trixie/sid", "debian trixie/sid"),
        ("debian", "", "debian"),
        ("echo", "1", "echo"),
        ("minimos", "20241031", "minimos"),
        ("opensuse-leap", "15.6", "openSUSE Leap 15.6"),
        ("opensuse-tumbleweed", "20240607", "openSUSE Tumbleweed"),
        ("oracle", "9.4", "Oracle Linux 9"),
        ("photon", "5.0", "Photon OS 5.0"),
        ("redhat", "9.3", "Red Hat"),
        ("rocky", "9.4", "rocky 9"),
        ("slem", "5.5", "SUSE Linux Enterprise Micro 5.5"),
        ("sles", "15.6", "SUSE Linux Enterprise 15.6"),
        ("ubuntu", "24.04", "ubuntu 24.04"),
        ("ubuntu", "20.04-ESM", "ubuntu 20.04-ESM"),
        ("ubuntu", "24.04-ESM", "ubuntu 24.04"),
        ("wolfi", "20230201", "wolfi"),
    ],
)
def test_a_release_that_the_database_has_nothing_on_is_unknown(
    family: str, release: str, source: str
) -> None:
    """Trivy takes a missing source for "no vulnerabilities". Others of the family do not help."""
    seen = scan_report(operating_system=OperatingSystem(family=family, name=release))
    judged = {
        known: verdict_on(
            seen,
            STRICT,
            replace(ADVISORIES, sources=frozenset({"debian 12", f"{source} x", known})),
            as_of=NOW,
        )
        for known in (source, "elsewhere 1")
    }
    assert judged[source].status is Status.HEALTHY
    assert judged["elsewhere 1"].reason is UnknownReason.NO_ADVISORIES
    assert judged["elsewhere 1"].explanation == (f"The advisory database has nothing on {source}.")


@pytest.mark.parametrize(
    ("package_type", "count", "status"),
    [
        ("python-pkg", 3, Status.HEALTHY),
        ("poetry", 3, Status.HEALTHY),
        ("node-pkg", 3, Status.UNKNOWN),
        ("node-pkg", 0, Status.HEALTHY),
        ("conda-pkg", 3, Status.UNKNOWN),
    ],
)
def test_packages_of_a_language_without_advisories_are_unknown(
    package_type: str, count: int, status: Status
) -> None:
    """The database has some for pip only, and nobody has any for Conda."""
    added = PackageGroup(
        target="x", package_class="lang-pkgs", package_type=package_type, package_count=count
    )
    groups = (*scan_report().package_groups, added)
    verdict = judge(scan_report(package_groups=groups))
    assert verdict.status is status
    if status is Status.UNKNOWN:
        assert verdict.reason is UnknownReason.NO_ADVISORIES
        assert f"nothing on packages of type {package_type}." in verdict.explanation
    assert judge(scan_report(finding(), package_groups=groups)).status is Status.UNHEALTHY


def test_it_is_said_what_was_not_examined() -> None:
    """The first of it by name, the rest by number, and not at any length."""
    verdict = judge(scan_report(warnings=("not examined: " + "x" * 999, "not examined: y")))
    assert verdict.explanation == f"Passed over by the scanner: {'x' * 200} and 1 more"


def test_other_warnings_are_no_gap() -> None:
    """Trivy also warns of what concerns no package."""
    assert judge(scan_report(warnings=("Using severities from other vendors",))).status is (
        Status.HEALTHY
    )


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(hours=72), Status.HEALTHY),
        (timedelta(hours=72, seconds=1), Status.UNKNOWN),
        (timedelta(days=730), Status.UNKNOWN),
        (timedelta(hours=-23), Status.HEALTHY),
        (timedelta(days=-26_000), Status.UNKNOWN),
    ],
)
def test_advisories_must_be_fresh(age: timedelta, status: Status) -> None:
    """Two years old, or dated 2099: both prove nothing, not even a violation."""
    advisories = replace(ADVISORIES, updated_at=NOW - age)
    for seen in (scan_report(), scan_report(finding())):
        verdict = verdict_on(seen, STRICT, advisories, as_of=NOW)
        expected = Status.UNHEALTHY if seen.findings and status is Status.HEALTHY else status
        assert verdict.status is expected
        assert (verdict.reason is UnknownReason.STALE_ADVISORIES) is (status is Status.UNKNOWN)


def test_no_advisories_at_all_prove_nothing() -> None:
    """The rule's name says which input was wanting."""
    verdict = verdict_on(scan_report(), STRICT, None, as_of=NOW)
    assert (verdict.status, verdict.rule) == (Status.UNKNOWN, "advisories-fresh")


@pytest.mark.parametrize("reason", UnknownReason)
def test_an_examination_cut_short_is_unknown(reason: UnknownReason) -> None:
    """Whatever cut it short."""
    verdict = judge(Unexaminable(reason=reason, detail="why"))
    assert (verdict.status, verdict.reason, verdict.explanation) == (Status.UNKNOWN, reason, "why")


@pytest.mark.parametrize("reason", NotApplicableReason)
def test_what_is_no_image_is_not_applicable(reason: NotApplicableReason) -> None:
    """A signature is neither healthy nor not."""
    assert str(judge(NotApplicable(reason=reason))) == f"not-applicable({reason})"
