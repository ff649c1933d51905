from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.errors import PullsUnknownError
from scanner.model import Digest
from scanner.ports import Pulls
from scanner.recently_pulled import recently_pulled
from tests.contracts.pulls_contract import PullsContract
from tests.examples import DIGEST, REGISTRIES, REGISTRY
from tests.fakes import InMemoryReportStore
from tests.fakes.pulls import OWN_IDENTITY, InMemoryPulls, pulled
from tests.reports import healthy_report

DAYS = timedelta(days=30)


class TestInMemoryPulls(PullsContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._pulls = InMemoryPulls()

    def pulls(self) -> Pulls:
        """Return the one of this test."""
        return self._pulls

    def log(
        self,
        repository: str,
        *,
        tag: str = "",
        digest: str = "",
        operation: str = "Pull",
        identity: str = "somebody",
        result: str = "200",
        before: timedelta = timedelta(hours=1),
    ) -> None:
        """Add an event."""
        event = pulled(repository, tag=tag, digest=digest, before=before)
        self._pulls.events.append(
            replace(event, operation=operation, identity=identity, result=result)
        )

    def own_identities(self) -> list[str]:
        """Return the one name."""
        return [OWN_IDENTITY]


def test_a_pull_by_tag_is_of_what_the_tag_names_now() -> None:
    """Unless the digest was noted with it: that is what was pulled."""
    store = InMemoryReportStore()
    report = healthy_report(tag="v1")
    store.save(report)
    before = Digest.of(b"before")
    found = recently_pulled(
        InMemoryPulls(
            events=[
                pulled(report.image.repository, tag="v1", digest=""),
                pulled(report.image.repository, tag="v1", digest=str(before)),
                pulled(report.image.repository, tag="v0", digest=""),
            ]
        ),
        DAYS,
        store=store,
        registries=REGISTRIES,
    )
    name = f"{REGISTRY}/{report.image.repository}"
    assert found == {f"{name}@{DIGEST}", f"{name}@{before}"}


@pytest.mark.parametrize(
    "event",
    [
        pulled("shop", host="evil.example"),
        pulled("../shop"),
        pulled("shop", digest="sha256:x"),
        pulled("shop", tag="a b", digest=""),
        pulled("", digest=""),
    ],
)
def test_names_that_are_none_of_ours_are_left_out(event: object) -> None:
    """Whoever pulls writes them."""
    pulls = InMemoryPulls(events=[event])  # type: ignore[list-item]
    store = InMemoryReportStore()
    assert recently_pulled(pulls, DAYS, store=store, registries=REGISTRIES) == frozenset()


def test_without_a_workspace_pulls_are_unknown() -> None:
    """Nothing is guessed."""
    with pytest.raises(PullsUnknownError, match="PUSHSCAN_LOG_WORKSPACE"):
        recently_pulled(None, DAYS, store=InMemoryReportStore(), registries=REGISTRIES)
