import json
from datetime import UTC, datetime

import pytest

from scanner.errors import SettingsError
from scanner.posture.assessment import RULES_BY_ID, assess
from scanner.posture.exemptions import Exemption, read_exemptions
from scanner.posture.reading import read_snapshot
from scanner.posture.rule import Severity
from tests.posture import Bundle, bundle, changed

ENTRY = {
    "registry": "crquick*",
    "rule": "ACR001",
    "owner": "platform team",
    "reason": "the old build agent, until it moves",
    "expires": "2026-12-31",
}


def _read(*entries: object) -> tuple[Exemption, ...]:
    return read_exemptions(json.dumps({"exemptions": entries}).encode(), RULES_BY_ID)


def _open(document: Bundle, now: datetime) -> list[str]:
    snapshot = read_snapshot(document, is_declared=False)
    assessment = assess(snapshot, exemptions=_read(ENTRY), now=now)
    return [finding.rule for finding in assessment.open_from(Severity.HIGH)]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), []),
        (datetime(2027, 1, 1, tzinfo=UTC), ["ACR001"]),
    ],
)
def test_an_exemption_holds_to_the_end_of_its_last_day(now: datetime, expected: list[str]) -> None:
    """Then the finding is open again."""
    assert _open(bundle("basic-quickstart"), now) == expected


def test_an_exemption_is_for_its_registry_alone() -> None:
    """The glob is held against the name."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    assert _open(changed(adminUserEnabled=True), now) == ["ACR001"]


def test_an_exempt_finding_still_fails_and_says_who_accepted_it() -> None:
    """Accepted is not mended."""
    snapshot = read_snapshot(bundle("basic-quickstart"), is_declared=False)
    now = datetime(2026, 12, 1, tzinfo=UTC)
    found = assess(snapshot, exemptions=_read(ENTRY), now=now).findings[0]
    assert (found.outcome, found.is_open) == ("fail", False)
    assert found.exemption is not None
    assert found.exemption.owner == "platform team"


@pytest.mark.parametrize(
    "entry",
    [
        {**ENTRY, "expires": "never"},
        {**ENTRY, "rule": "ACR099"},
        {**ENTRY, "owner": " "},
        {**ENTRY, "reason": 7},
        {**ENTRY, "more": "x"},
        {name: text for name, text in ENTRY.items() if name != "expires"},
        "ACR001",
    ],
)
def test_an_exemption_that_lacks_something_is_refused(entry: object) -> None:
    """Without an owner, a reason and an end nothing is accepted."""
    with pytest.raises(SettingsError, match="entry 2"):
        _read(ENTRY, entry)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"exemptions": {}}'])
def test_a_file_that_holds_no_exemptions_is_refused(content: bytes) -> None:
    """A misspelt file would accept nothing in silence."""
    with pytest.raises(SettingsError):
        read_exemptions(content, RULES_BY_ID)
