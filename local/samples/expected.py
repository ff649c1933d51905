"""What each sample is, judged with the sample advisories and the default policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model import NotApplicableReason, Severity, Status, UnknownReason


@dataclass(frozen=True, slots=True, order=True)
class ExpectedFinding:
    """One row of Trivy's report: what was found, in which package, fixed where."""

    vulnerability: str
    package: str
    installed: str
    fixed: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The verdict that a sample must get, and the findings that Trivy must report."""

    status: Status
    reason: UnknownReason | NotApplicableReason | None = None
    findings: frozenset[ExpectedFinding] = frozenset()
    """For an index those of all its platforms."""


_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
_VULNERABLE: Final = frozenset(
    {
        ExpectedFinding("CVE-2023-6246", "libc6", "2.36-9+deb12u3", "2.36-9+deb12u4", _HIGH),
        ExpectedFinding("CVE-2018-3721", "lodash", "4.17.4", "4.17.5", _LOW),
        ExpectedFinding("CVE-2018-16487", "lodash", "4.17.4", "4.17.11", _HIGH),
        ExpectedFinding("CVE-2019-1010266", "lodash", "4.17.4", "4.17.11", _MEDIUM),
        ExpectedFinding("CVE-2019-10744", "lodash", "4.17.4", "4.17.12", _CRITICAL),
        ExpectedFinding("CVE-2020-8203", "lodash", "4.17.4", "4.17.20", _HIGH),
        ExpectedFinding("CVE-2020-28500", "lodash", "4.17.4", "4.17.21", _MEDIUM),
        ExpectedFinding("CVE-2021-23337", "lodash", "4.17.4", "4.17.21", _HIGH),
        ExpectedFinding("CVE-2019-10906", "Jinja2", "2.10", "2.10.1", _HIGH),
        ExpectedFinding("CVE-2020-28493", "Jinja2", "2.10", "2.11.3", _MEDIUM),
        ExpectedFinding("CVE-2024-22195", "Jinja2", "2.10", "3.1.3", _MEDIUM),
        ExpectedFinding("CVE-2024-34064", "Jinja2", "2.10", "3.1.4", _MEDIUM),
        ExpectedFinding("CVE-2019-11236", "urllib3", "1.24.1", "1.24.3", _MEDIUM),
        ExpectedFinding("CVE-2019-11324", "urllib3", "1.24.1", "1.24.2", _HIGH),
        ExpectedFinding("CVE-2023-43804", "urllib3", "1.24.1", "2.0.6, 1.26.17", _MEDIUM),
        ExpectedFinding("CVE-2023-45803", "urllib3", "1.24.1", "2.0.7, 1.26.18", _MEDIUM),
        ExpectedFinding("CVE-2024-37891", "urllib3", "1.24.1", "1.26.19, 2.2.2", _MEDIUM),
    }
)
_LOG4SHELL: Final = frozenset(
    {
        ExpectedFinding(
            "CVE-2021-44228",
            "org.apache.logging.log4j:log4j-core",
            "2.14.1",
            "2.15.0, 2.3.1, 2.12.2",
            _CRITICAL,
        )
    }
)
_HEALTHY: Final = Expected(status=Status.HEALTHY)


def _not_applicable(reason: NotApplicableReason) -> Expected:
    return Expected(status=Status.NOT_APPLICABLE, reason=reason)


def _unknown(reason: UnknownReason) -> Expected:
    return Expected(status=Status.UNKNOWN, reason=reason)


EXPECTED: Final[Mapping[str, Expected]] = {
    "clean": _HEALTHY,
    "vulnerable": Expected(status=Status.UNHEALTHY, findings=_VULNERABLE),
    "multi-platform": Expected(status=Status.UNHEALTHY, findings=_VULNERABLE),
    "signature": _not_applicable(NotApplicableReason.SIGNATURE),
    "cosign": _not_applicable(NotApplicableReason.SIGNATURE),
    "sbom": _not_applicable(NotApplicableReason.SBOM),
    "helm": _not_applicable(NotApplicableReason.HELM_CHART),
    "zstd": _HEALTHY,
    "plain": _HEALTHY,
    "docker": _HEALTHY,
    "whiteout": _HEALTHY,
    # It has one, in a layer below the one that deletes it.
    "secret": Expected(status=Status.UNHEALTHY),
    "jar": Expected(status=Status.UNHEALTHY, findings=_LOG4SHELL),
    "no-os": _unknown(UnknownReason.UNSUPPORTED_OS),
    "empty": _unknown(UnknownReason.EMPTY_IMAGE),
}
