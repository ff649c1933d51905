"""Findings as people read them; what comes from image or advisory is escaped."""

from collections.abc import Iterable, Mapping, Sequence

from scanner.cli.screen import SEVERITY_STYLES, Part, Screen, shown
from scanner.model import Finding, Severity, Weakness

SEVERITY_WIDTH = 10


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings each once, the worst first, then by package."""
    return sorted(
        set(findings),
        key=lambda f: (-f.severity, f.package, f.vulnerability, f.target, f.package_path),
    )


def print_finding(screen: Screen, finding: Finding) -> None:
    """Print one finding: how bad, what, in which package, and what would mend it."""
    severity = f"{finding.severity.name:<{SEVERITY_WIDTH}}"
    screen.line(
        (shown(finding.vulnerability, 60), "bold"),
        f"  {installed(finding.package, finding.installed_version)} -> ",
        shown(finding.fixed_version, 100) or f"no fix ({finding.status.replace('_', ' ')})",
        label=(severity, SEVERITY_STYLES[finding.severity]),
        indent=2,
    )


def print_some(screen: Screen, heading: str, findings: Iterable[Finding], *, most: int) -> None:
    """Print findings under a heading that counts them, or nothing where there are none."""
    listed = in_order(findings)
    if not listed:
        return
    more = f", the worst {most} of {len(listed)}"
    screen.heading(f"{heading}{more if len(listed) > most else ''}")
    for finding in listed[:most]:
        print_finding(screen, finding)


def print_weaknesses(
    screen: Screen, heading: str, weaknesses: Sequence[Weakness], *, most: int
) -> None:
    """Print secrets or settings under a heading, where each is; nothing where there are none."""
    if not weaknesses:
        return
    more = f", the worst {most} of {len(weaknesses)}"
    screen.heading(f"{heading}{more if len(weaknesses) > most else ''}")
    for weakness in weaknesses[:most]:
        line = f":{weakness.line}" if weakness.line else ""
        layer = f", in layer {shown(weakness.layer_diff_id)}" if weakness.layer_diff_id else ""
        screen.line(
            (shown(weakness.title), "bold"),
            f"  {shown(weakness.path)}{line}" if weakness.path else "",
            label=(
                f"{weakness.severity.name:<{SEVERITY_WIDTH}}",
                SEVERITY_STYLES[weakness.severity],
            ),
            indent=2,
        )
        screen.line((f"{shown(weakness.id)}{layer}", "dim"), indent=2 + SEVERITY_WIDTH, folds=False)


def installed(package: str, version: str) -> str:
    """Name a package as it is installed."""
    return f"{shown(package, 100)} {shown(version, 60)}"


def counted(counts: Mapping[Severity, int]) -> list[Part]:
    """Write how many findings there are of each severity."""
    parts: list[Part] = []
    for severity, count in counts.items():
        style = SEVERITY_STYLES[severity] if count else "dim"
        parts += [(f"{count} {severity.name.lower()}", style), ", "]
    return parts[:-1]
