"""Alerts and workbook, put to lines that the code has just logged."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions.queue import QueueMessage

from function_app.events import receive
from function_app.worker import tell_wait
from local.bicep.evaluate import evaluate
from local.bicep.profiles import MAIN, parameters
from scanner.errors import PushscanError, SettingsError
from scanner.model import Registries, UnknownReason
from scanner.notify.composer import Composer
from scanner.notify.ledger import Entry
from scanner.notify.message import Notice, encode
from scanner.notify.notifier import Notifier
from scanner.notify.routes.current import CurrentRoutes
from scanner.notify.routes.route import RouteTable
from scanner.trivy import AdvisoryDirectory, SharedAdvisories
from tests.advisory_archive import InMemoryAdvisoryArchive
from tests.fakes import (
    InMemoryLedger,
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    RecordingQueue,
    publisher_on,
)
from tests.infra.kusto import matching
from tests.infra.templates import all_of, one_of, properties
from tests.policies import STRICT
from tests.reports import healthy_report, transition_by, unhealthy_report, unknown_report

ROOT = MAIN.parents[1]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FUNCTIONS = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("function_app/*.py"))


def alerts(profile: str = "open") -> dict[str, dict[str, Any]]:
    """Return the properties of each alert by its name, with its query beside them."""
    return {
        str(one["name"]): properties(one) | {"query": _query(properties(one))}
        for one in all_of(profile, "Microsoft.Insights/scheduledQueryRules")
    }


def _query(rule: dict[str, Any]) -> str:
    (condition,) = rule["criteria"]["allOf"]
    # One row is enough, and a query that counts has its own condition.
    assert (condition["operator"], condition["threshold"]) == ("GreaterThan", 0)
    return str(condition["query"])


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> list[str]:
    """Let the code log what the alerts are about, and return the lines."""
    caplog.set_level(logging.INFO)
    store, ledger = InMemoryReportStore(), InMemoryLedger()
    publisher = publisher_on(
        store, InMemoryStreams(), RecordingOutbox(), rulebook=lambda: STRICT, clock=lambda: NOW
    )
    for report in (
        healthy_report(),
        unhealthy_report(),
        unknown_report(UnknownReason.STALE_ADVISORIES),
    ):
        publisher.publish(report)
    _job(waited=timedelta(seconds=4))
    event = (ROOT / "docs" / "examples" / "cloud-event.json").read_bytes().replace(b"HOST", b"r.io")
    receive(event, Registries({"r.io": "r.io"}), lambda _: None, _refuse)
    transition = transition_by(unhealthy_report())
    notice = Notice(stream=transition.stream, number=transition.number, route="images")
    ledger.change(notice, lambda _: Entry.begun(notice, transition, NOW))
    notifier = Notifier(
        composer=Composer(store=store),
        ledger=ledger,
        queue=RecordingQueue(),
        routes=RouteTable,
        clock=lambda: NOW,
    )
    notifier.record_undelivered(encode(notice).encode())
    notifier.record_undelivered(b"{}")
    with pytest.raises(PushscanError):
        CurrentRoutes(read=_unreadable, build=lambda _: RouteTable(), kept=_NothingKept())()
    advisories = SharedAdvisories(
        directory=AdvisoryDirectory(tmp_path),
        archive=InMemoryAdvisoryArchive(),
        trivy=tmp_path / "no-trivy",
        bubblewrap=None,
        sandbox="auto",
        sources=(),
        access_to=lambda _: None,
        clock=lambda: NOW,
    )
    with pytest.raises(PushscanError):
        advisories.update()
    return caplog.messages


def _unreadable() -> bytes:
    raise SettingsError("routes: routes.yaml:3: is wrong")


class _NothingKept:
    def keep(self, text: bytes) -> None:
        del text

    def note_fault(self, fault: str) -> None:
        del fault

    def last(self) -> bytes | None:
        return None


def _refuse(_message: bytes, why: str) -> None:
    raise AssertionError(why)


def _job(*, waited: timedelta, tries: int = 1) -> None:
    queued_at = NOW - waited
    message = QueueMessage(id="1", body="{}", insertion_time=queued_at, dequeue_count=tries)
    tell_wait(message, now=NOW)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("pushscan-advisories-stale", ["image.judged"]),
        ("pushscan-advisories-failing", ["advisories.not_updated"]),
        ("pushscan-notices-failing", ["notice.failed", "notice.refused", "routes.refused"]),
        ("pushscan-jobs-late", []),
    ],
)
def test_an_alert_counts_the_lines_it_is_about_and_no_other(
    logged: list[str], name: str, lines: list[str]
) -> None:
    """One that is spelt otherwise than the log would never fire."""
    found = [row["message"].split()[0] for row in matching(alerts()[name]["query"], logged)]
    assert found == lines


@pytest.mark.parametrize(
    ("seconds", "tries", "is_late"), [(299, 1, False), (301, 1, True), (900, 2, False)]
)
def test_a_job_is_late_after_five_minutes(
    caplog: pytest.LogCaptureFixture, seconds: int, tries: int, is_late: bool
) -> None:
    """A job that is tried again has waited because it failed, not for a worker."""
    caplog.set_level(logging.INFO)
    _job(waited=timedelta(seconds=seconds), tries=tries)
    query = alerts()["pushscan-jobs-late"]["query"]
    assert bool(matching(query, caplog.messages)) is is_late


def test_a_stuck_queue_is_told_by_pushes_that_were_logged(logged: list[str]) -> None:
    """The half of that query which counts them."""
    query = alerts()["pushscan-jobs-stuck"]["query"]
    pushes = query.removeprefix("union (").split(" | summarize")[0]
    assert [row["message"].split()[0] for row in matching(pushes, logged)] == ["event.queued"]


def test_each_poison_queue_and_no_other_name_is_watched() -> None:
    """By the function that empties it; the host names functions in `requests`."""
    bodies = re.split(r"@functions\.function_name\(\"", FUNCTIONS)[1:]
    emptying = {body.partition('"')[0] for body in bodies if "-poison" in body.partition("def ")[0]}
    query = alerts()["pushscan-poison-queues"]["query"]
    assert set(re.findall(r'"(\w+)"', query)) == emptying
    poison = [
        one
        for one in all_of("open", "Microsoft.Storage/storageAccounts/queueServices/queues")
        if str(one["name"]).endswith("-poison")
    ]
    assert len(poison) == len(emptying)


def test_every_function_that_is_named_is_there() -> None:
    """In alerts and workbook."""
    workbook = properties(one_of("open", "Microsoft.Insights/workbooks"))["serializedData"]
    text = workbook + "".join(alert["query"] for alert in alerts().values())
    names = set(re.findall(r"name == \W+([a-z_]+)", text))
    assert names
    assert [name for name in names if f'function_name("{name}")' not in FUNCTIONS] == []


def test_silence_is_a_fault_only_where_an_instance_always_runs() -> None:
    """With none, an hour without a push is silent by right; the timers come every hour else."""
    assert alerts()["pushscan-silent"]["enabled"] is True
    idle = evaluate(MAIN, {**parameters("private"), "minimumInstances": 0})
    (silent,) = (one for one in idle if one["name"] == "pushscan-silent")
    assert properties(silent)["enabled"] is False
    assert alerts()["pushscan-silent"]["windowSize"] == "PT2H"


def test_the_workbook_reads_verdicts_from_the_log(logged: list[str]) -> None:
    """Each verdict, and of those to act on the image and the rule."""
    workbook = json.loads(
        properties(one_of("open", "Microsoft.Insights/workbooks"))["serializedData"]
    )
    queries = {item["name"]: item["content"].get("query", "") for item in workbook["items"]}
    verdicts = [row["verdict"] for row in matching(queries["verdicts"], logged)]
    assert verdicts == ["healthy", "unhealthy", "unknown(stale-advisories)"]
    rows = matching(queries["images"], logged)
    assert [row["rule"] for row in rows] == ["severity-threshold", "examination-complete"]
    assert {row["image"] for row in rows} == {str(unhealthy_report().image)}


def test_no_line_that_an_alert_needs_is_sampled_away() -> None:
    """Application Insights keeps 20 items a second by default and drops the rest."""
    host = json.loads((ROOT / "host.json").read_bytes())
    kept = host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    assert {"Trace", "Request"} <= set(kept)


def test_alerts_are_mailed_where_an_address_is_given() -> None:
    """Without one they show in the portal alone."""
    (rule,) = (r for n, r in alerts().items() if n == "pushscan-silent")
    assert rule["actions"] == {"actionGroups": []}
    told = evaluate(MAIN, {**parameters("open"), "alertEmail": "ops@example.com"})
    (group,) = (one for one in told if one["type"] == "Microsoft.Insights/actionGroups")
    rules = [one for one in told if one["type"] == "Microsoft.Insights/scheduledQueryRules"]
    assert all(properties(one)["actions"]["actionGroups"] == [group["id"]] for one in rules)
