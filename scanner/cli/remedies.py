"""What would make an image healthy, or a verdict possible, as people read it."""

from scanner.classify.deeds import deed
from scanner.cli import mend
from scanner.cli.screen import Screen, shown
from scanner.exports import Exported
from scanner.model import Report, Status

_MOST = 20
_HEADING = "What would mend it"


def print_remedies(screen: Screen, about: Exported) -> None:
    """Print the changes that make an image healthy; of an index those of each platform."""
    if about.report.verdict.status is Status.UNKNOWN:
        screen.heading(_HEADING)
        screen.line(mend.remedy(about.report.verdict.reason), indent=2)
    for one in about.platforms:
        if one.report is not None and one.report.remedies:
            is_alone = one.report is about.report
            screen.heading(_HEADING if is_alone else f"{_HEADING} for {shown(str(one.platform))}")
            print_changes(screen, one.report)


def print_changes(screen: Screen, report: Report) -> None:
    """Print the changes of one report, those that clear most first."""
    for remedy in report.remedies[:_MOST]:
        screen.line(deed(remedy, shown), indent=2)
    if len(report.remedies) > _MOST:
        screen.line(f"and {len(report.remedies) - _MOST} more changes, see --json", indent=2)
