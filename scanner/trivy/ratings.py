"""What each source says of a vulnerability, as Trivy's report quotes them.

Source: trivy-db `pkg/types/types.go` (`VendorSeverity`, `VendorCVSS`) and Trivy's report.
"""

from collections.abc import Mapping

import msgspec

from scanner.model import Rating, Severity
from scanner.text import visible

MAX_RATINGS = 50
"""Of one vulnerability; trivy-db 2 knows some 30 sources."""
_SOURCE_CHARACTERS = 64
_MAX_SCORE = 10.0


class Scores(msgspec.Struct, frozen=True, gc=False):
    """CVSS base scores by version; Trivy leaves out those that it has not."""

    v2: float | None = msgspec.field(name="V2Score", default=None)
    v3: float | None = msgspec.field(name="V3Score", default=None)
    v4: float | None = msgspec.field(name="V40Score", default=None)

    @property
    def newest(self) -> float | None:
        """The score of the newest version that has a possible one."""
        possible = (s for s in (self.v4, self.v3, self.v2) if s and 0 < s <= _MAX_SCORE)
        return next(possible, None)


def ratings(severities: Mapping[str, int], scores: Mapping[str, Scores]) -> tuple[Rating, ...]:
    """Put together what sources say, sorted by their names; whoever says nothing is left out."""
    found = []
    for source in sorted({*severities, *scores})[:MAX_RATINGS]:
        severity = _severity(severities.get(source))
        score = scores[source].newest if source in scores else None
        if severity is not None or score is not None:
            name = visible(source, _SOURCE_CHARACTERS)
            found.append(Rating(source=name, severity=severity, score=score))
    return tuple(found)


def _severity(number: int | None) -> Severity | None:
    return Severity(number) if number is not None and 0 <= number <= max(Severity) else None
