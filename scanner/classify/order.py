"""The order in which things are told: a list that is cut keeps what matters."""

from collections.abc import Iterable

from scanner.model import Finding, Weakness


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by severity, then by names and places, so that equal sets have equal orders."""
    return tuple(
        sorted(
            findings,
            key=lambda finding: (
                -finding.severity,
                finding.package,
                finding.vulnerability,
                finding.target,
                finding.package_path,
                finding.layer_diff_id,
            ),
        )
    )


def worst_weaknesses_first(weaknesses: Iterable[Weakness]) -> tuple[Weakness, ...]:
    """Sort likewise."""
    return tuple(
        sorted(
            weaknesses,
            key=lambda one: (
                -one.severity,
                one.kind,
                one.id,
                one.path,
                one.line,
                one.layer_diff_id,
            ),
        )
    )
