import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.cli.past import known_at
from scanner.model import Digest, Report, Verdict
from scanner.ports import PastVerdict
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import ADVISORIES, DIGEST, NOW
from tests.fakes import InMemoryReportStore
from tests.policies import APPLIED, MILD
from tests.reports import deleted_report, healthy_report, unhealthy_report

NAME = "contoso.azurecr.io/shop/cart:v7"
HOUR = timedelta(hours=1)


def _later() -> Report:
    """Return what was said three hours after the example: mended, by another policy."""
    return replace(
        healthy_report(as_of=NOW + 3 * HOUR),
        finished_at=NOW + 3 * HOUR + timedelta(minutes=2),
        policy=MILD,
        advisories=replace(
            ADVISORIES, updated_at=NOW + 2 * HOUR, digest=Digest("sha256:" + "bb" * 32)
        ),
    )


@pytest.fixture
def store() -> InMemoryReportStore:
    """A store with one image, judged twice."""
    store = InMemoryReportStore()
    for report in (unhealthy_report(), _later()):
        store.save(report)
    return store


def test_what_was_known_then_is_told_with_its_grounds(store: InMemoryReportStore) -> None:
    """Verdict, rule, policy, findings, database and its age then, scanner, who asked."""
    result = pushscan("explain", NAME, "--at", "2026-11-22T14:30", store=store)
    assert (result.exit_code, result.stderr) == (0, "")
    then, now = result.stdout.split("What is different now")
    for text in (
        NAME,
        f"@{DIGEST}",
        "Known on 2026-11-22 14:30 UTC",
        "UNHEALTHY  2 findings at or above HIGH, the worst CRITICAL.",
        "severity-threshold",
        str(APPLIED.digest),
        f"{ADVISORIES.source} of 2026-11-22 12:00 UTC, 2 h old then",
        str(ADVISORIES.digest),
        "trivy 0.76.0 in bubblewrap 0.12.0",
        "as of 2026-11-22 12:00 UTC",
        "2026-11-22 12:00 UTC, as v7, job ",
        unhealthy_report().id,
        "CRITICAL  CVE-2021-44228  log4j-core 2.10 -> 2.10.1",
    ):
        assert text in then
    for text in (
        "HEALTHY  No finding in 88 packages.",
        "gone        CVE-2021-44228, CVE-2019-10906",
        str(MILD.digest),
        "of 2026-11-22 14:00 UTC",
        "as of 2026-11-22 15:00 UTC",
    ):
        assert text in now
    assert "scanner" not in now


@pytest.mark.parametrize(
    "moment", ["2026-11-23", "2026-11-22T15:02:00Z", "2026-11-22T17:02:00+02:00"]
)
def test_where_nothing_has_changed_that_is_said(store: InMemoryReportStore, moment: str) -> None:
    """With or without a zone; a date is its midnight."""
    shown = pushscan("explain", NAME, "--at", moment, store=store).stdout
    assert "What is different now\n  Nothing." in shown


@pytest.mark.parametrize(
    "moment", ["2026-11-22T15:01", "2026-11-22 15:01:59", "2026-11-22T17:01:00+02:00"]
)
def test_a_verdict_is_known_once_it_is_reached(store: InMemoryReportStore, moment: str) -> None:
    """Not while the examination still ran."""
    assert "verdict     UNHEALTHY" in pushscan("explain", NAME, "--at", moment, store=store).stdout


def test_before_the_first_verdict_nothing_was_known(store: InMemoryReportStore) -> None:
    """In one line, with the date of the first; exit 1."""
    result = pushscan("explain", NAME, "--at", "2026-11-22T11:59", store=store)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "on 2026-11-22 11:59 UTC; the first verdict is of 2026-11-22 12:00 UTC" in result.stderr


def test_a_later_look_with_equal_inputs_is_dated_as_that_look() -> None:
    """Its report is that of the first; the age of the database is that at the moment."""
    store = InMemoryReportStore()
    first = unhealthy_report()
    for hours in (0, 10):
        looked = NOW + hours * HOUR
        store.save(replace(first, as_of=looked, finished_at=looked))
    shown = pushscan("explain", NAME, "--at", "2026-11-22T23:00", store=store).stdout
    assert "judged      as of 2026-11-22 22:00 UTC" in shown
    assert "11 h old then" in shown
    assert "Nothing." in shown


def test_a_deleted_image_is_explained_as_it_was_before() -> None:
    """And what is different is that it is gone."""
    store = InMemoryReportStore()
    store.save(unhealthy_report())
    store.save(deleted_report(as_of=NOW + HOUR))
    shown = pushscan("explain", NAME, "--at", "2026-11-22T12:30", store=store).stdout
    assert "verdict     UNHEALTHY" in shown
    assert "verdict     NOT-APPLICABLE (deleted)" in shown.split("What is different now")[1]


def test_json_has_both_reports(store: InMemoryReportStore) -> None:
    """Then and now, in the words of a report."""
    result = pushscan("explain", NAME, "--at", "2026-11-22T14:30", "--json", store=store)
    document = json.loads(result.stdout)
    assert document["at"] == "2026-11-22T14:30:00.000000Z"
    assert document["then"]["report_id"] == unhealthy_report().id
    assert document["then"]["policy"]["name"] == "example"
    assert document["now"]["verdict"]["status"] == "healthy"


def test_the_history_is_listed_the_latest_first(store: InMemoryReportStore) -> None:
    """One line a look; a piped line has the whole id."""
    result = pushscan("show", NAME, "--history", store=store)
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == ["JUDGED", "VERDICT", "FOUND", "REPORT"]
    assert [line.split() for line in lines] == [
        ["2026-11-22", "15:00", "UTC", "healthy", "none", _later().id],
        ["2026-11-22", "12:00", "UTC", "unhealthy", "1C", "1H", unhealthy_report().id],
    ]
    listed = json.loads(pushscan("show", NAME, "--history", "--json", store=store).stdout)
    assert [entry["report_id"] for entry in listed] == [_later().id, unhealthy_report().id]


def test_of_two_looks_that_were_done_then_the_one_that_began_later_counts() -> None:
    """As it does for what is current, whichever ended last."""
    slow = _past(began=0, ended=9)
    quick = _past(began=3, ended=4)
    history = [quick, slow]
    assert known_at(history, NOW + 9 * HOUR) == quick
    assert known_at(history, NOW + 3 * HOUR) is None
    assert known_at([quick], NOW + 4 * HOUR) == quick


def _past(*, began: int, ended: int) -> PastVerdict:
    report = unhealthy_report()
    return PastVerdict(
        image=report.image,
        status=report.verdict.status,
        reason="",
        rule=report.verdict.rule,
        counts="",
        report_id=str(began),
        requested_at=NOW,
        as_of=NOW + began * HOUR,
        finished_at=NOW + ended * HOUR,
    )


def test_hostile_text_is_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal only our own colours are obeyed, and nothing but digests is wider."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    report = unhealthy_report()
    assert report.scan
    finding = replace(report.scan.findings[0], vulnerability=HOSTILE, package=HOSTILE)
    verdict = Verdict(
        status=report.verdict.status, rule=HOSTILE, explanation=HOSTILE, violations=(finding,)
    )
    store = InMemoryReportStore()
    store.save(replace(report, verdict=verdict, scan=replace(report.scan, findings=(finding,))))
    store.save(_later())
    shown = pushscan("explain", NAME, "--at", "2026-11-22T13:00", store=store).stdout
    ours = _without_our_colours(shown)
    assert not [character for character in OBEYED if character in ours]
    assert all(len(line) <= 80 for line in ours.splitlines())


def _without_our_colours(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)
