"""The order in which findings are told: a list that is cut keeps what matters."""

from collections.abc import Iterable

from scanner.model import Finding


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
