import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scanner import bolt
from scanner.cli import checks
from scanner.cli.doctor import Check, Diagnosis, Outcome, run
from scanner.cli.route_checks import examine_routes
from scanner.errors import RegistryError, StoreError
from scanner.model import TransitionKind
from scanner.notify.channels.channel import Channel
from scanner.notify.routes.route import Route, RouteTable
from scanner.trivy import AdvisoryDirectory
from tests.advisory_archive import InMemoryAdvisoryArchive
from tests.command_line import pushscan
from tests.contracts.advisory_archive_contract import write_databases
from tests.examples import IMAGE, REGISTRY
from tests.fakes import InMemoryReportStore, StubRegistry
from tests.policies import STRICT
from tests.reports import healthy_report

FINE = Diagnosis(outcome=Outcome.OK, detail="fine")


def _check(examine: Callable[[], Diagnosis], *, seconds: float = 5.0, remedy: str = "") -> Check:
    return Check(name="thing", seconds=seconds, examine=examine, remedy=remedy)


def test_a_check_that_answers_is_believed() -> None:
    """Its diagnosis is passed on."""
    assert run(_check(lambda: FINE)) == FINE


def test_a_check_that_hangs_fails_at_its_deadline() -> None:
    """With what to do about it."""
    never = threading.Event()

    def hang() -> Diagnosis:
        never.wait(2)
        return FINE

    diagnosis = run(_check(hang, seconds=0.05, remedy="mend it"))
    never.set()
    assert diagnosis.outcome is Outcome.FAIL
    assert diagnosis.detail == "no answer within 0 s: mend it"


def test_a_failure_tells_the_systems_words_and_the_remedy() -> None:
    """`cannot be reached` alone does not say why."""

    def refuse() -> Diagnosis:
        raise RegistryError("The registry cannot be reached.") from OSError(
            111, "Connection refused"
        )

    diagnosis = run(_check(refuse, remedy="see the network"))
    assert diagnosis.outcome is Outcome.FAIL
    assert diagnosis.detail == (
        "The registry cannot be reached. (Connection refused): see the network"
    )


def test_faulty_settings_are_all_listed_and_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else can be tried without them."""
    for name in ("PUSHSCAN_STORAGE", "PUSHSCAN_TRIVY", "PUSHSCAN_REGISTRIES"):
        monkeypatch.delenv(name, raising=False)
    result = pushscan("doctor", store=InMemoryReportStore())
    assert result.exit_code == 1
    for text in ("PUSHSCAN_STORAGE", "PUSHSCAN_TRIVY is missing", "PUSHSCAN_REGISTRIES"):
        assert text in result.stdout
    assert result.stdout.startswith("fail  settings")
    assert "skip  everything else" in result.stdout


def test_a_registry_is_asked_for_what_was_judged_before() -> None:
    """An identity may be let into some repositories only."""
    store, registry = InMemoryReportStore(), StubRegistry()
    assert "pushscan/doctor" in checks.examine_registry(REGISTRY, registry, store).detail
    store.save(healthy_report())
    assert "shop/cart" in checks.examine_registry(REGISTRY, registry, store).detail
    assert str(registry.resolved[-1]) == str(IMAGE)


def test_a_registry_is_tried_though_storage_is_out_of_reach() -> None:
    """Storage has lines of its own."""
    store = InMemoryReportStore()
    store.outage = StoreError("images.select: ServiceRequestError")
    assert checks.examine_registry(REGISTRY, StubRegistry(), store).outcome is Outcome.OK


def _no_channel() -> Channel:
    raise AssertionError("nothing is sent here")


OWNERS = Route(name="shop", open_channel=_no_channel)
OPERATORS = replace(OWNERS, name="ops", kinds=frozenset({TransitionKind.BECAME_UNKNOWN}))


@pytest.mark.parametrize(
    ("routes", "outcome", "words"),
    [
        ((), Outcome.WARN, "nobody is told: set PUSHSCAN_NOTICE_URL"),
        ((OWNERS,), Outcome.WARN, "shop; nobody is told of became-unknown"),
        ((OPERATORS,), Outcome.WARN, "ops; nobody is told of newly-unhealthy"),
        ((OWNERS, OPERATORS), Outcome.OK, "shop, ops; not tried"),
    ],
)
def test_what_nobody_hears_of_is_a_warning(
    routes: tuple[Route, ...], outcome: Outcome, words: str
) -> None:
    """Verdicts are still stored, but nobody acts on them."""
    diagnosis = examine_routes(lambda: RouteTable(routes=routes))
    assert diagnosis.outcome is outcome
    assert diagnosis.detail.startswith(words)


@pytest.mark.parametrize(
    ("source", "hours", "outcome"),
    [
        ("mirror.gcr.io/aquasec/trivy-db:2", 5, Outcome.OK),
        ("bundled-sample", 5, Outcome.WARN),
        ("mirror.gcr.io/aquasec/trivy-db:2", 73, Outcome.FAIL),
        ("bundled-sample", 73, Outcome.FAIL),
    ],
)
def test_advisories_are_measured_by_the_policys_limit(
    tmp_path: Path, source: str, hours: int, outcome: Outcome
) -> None:
    """A sample is warned of; stale ones would make every verdict unknown."""
    now = datetime.now(UTC)
    new = tmp_path / "new"
    (new / "db").mkdir(parents=True)
    bolt.write(
        new / "db" / "trivy.db",
        {"vulnerability": {}, "debian 12": {"bash": {"CVE-2099-1": b"{}"}}},
    )
    built = (now - timedelta(hours=hours)).isoformat()
    (new / "db" / "metadata.json").write_text(json.dumps({"Version": 2, "UpdatedAt": built}))
    AdvisoryDirectory(tmp_path / "advisories").install(new, source=source)
    assert checks.examine_advisories(tmp_path / "advisories", STRICT.policy, now).outcome is outcome


@pytest.mark.parametrize(
    ("hours", "failure", "outcome", "said"),
    [
        (None, "", Outcome.WARN, "nothing is in storage yet"),
        (None, "no source answered", Outcome.WARN, "failed: no source answered"),
        (5, "", Outcome.OK, "5 h old"),
        (5, "no source answered", Outcome.WARN, "failed: no source answered"),
        (73, "", Outcome.FAIL, "run `pushscan advisories update`"),
        (73, "no source answered", Outcome.FAIL, "failed: no source answered"),
    ],
)
def test_shared_advisories_tell_of_the_last_update(
    tmp_path: Path, hours: int | None, failure: str, outcome: Outcome, said: str
) -> None:
    """A failed update is warned of, long before verdicts are unknown for it."""
    now = datetime.now(UTC)
    archive = InMemoryAdvisoryArchive()
    if hours is not None:
        built = now - timedelta(hours=hours)
        archive.publish(
            write_databases(tmp_path / "new", "new", updated_at=built), tmp_path / "new"
        )
    archive.begin_update("a", now=now)
    archive.end_update("a", now=now, failure=failure)
    diagnosis = checks.examine_shared_advisories(archive, STRICT.policy, now)
    assert diagnosis.outcome is outcome
    assert said in diagnosis.detail
