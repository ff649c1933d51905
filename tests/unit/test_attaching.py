import json
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from scanner import attach_messages
from scanner.attaching import Attacher
from scanner.bills import Bills
from scanner.errors import InvalidMessageError, RegistryError
from scanner.exports import exported, sarif
from scanner.exports.referrer import CONTENT, MANIFEST
from scanner.model import AttachmentKind, Digest, ImageReference, Report
from scanner.ports import Referrers
from tests.contracts.referrers_contract import ReferrersContract
from tests.examples import IMAGE, NOW
from tests.export_goldens import FOLDER
from tests.fakes import InMemoryReportStore
from tests.fakes.referrers import InMemoryReferrers
from tests.reports import (
    AMD64,
    ARM64,
    healthy_report,
    index_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)
from tests.stored_bills import bills

SARIF, CYCLONEDX = "application/sarif+json", "application/vnd.cyclonedx+json"
_MANIFEST = json.dumps({"mediaType": MANIFEST}).encode()


class TestInMemoryReferrers(ReferrersContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._registry = InMemoryReferrers(images={Digest.of(_MANIFEST): _MANIFEST})

    def referrers(self) -> Referrers:
        """Return the one registry of this test."""
        return self._registry

    def restrict(self, *, may_delete: bool = True, has_referrers: bool = True) -> None:
        """Take rights or abilities from it."""
        self._registry.may_delete, self._registry.has_referrers = may_delete, has_referrers

    def image(self) -> ImageReference:
        """Return the one image in it."""
        return replace(IMAGE, digest=Digest.of(_MANIFEST))


@dataclass(kw_only=True)
class Beside:
    """A registry, a store, and what attaches from one to the other."""

    registry: InMemoryReferrers = field(
        default_factory=lambda: InMemoryReferrers(images={IMAGE.digest: _MANIFEST})
    )
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    bills: Bills = field(default_factory=lambda: bills((FOLDER / "trivy-bill.json").read_bytes()))
    kinds: frozenset[AttachmentKind] = frozenset(AttachmentKind)

    def judge(self, report: Report) -> None:
        """Store a report and attach what it says."""
        self.store.save(report)
        self.attach(report.image)

    def attach(self, image: ImageReference = IMAGE) -> None:
        """Attach what is current."""
        Attacher(
            store=self.store, bills=self.bills, referrers=self.registry, kinds=self.kinds
        ).attach(replace(image, tag=None))

    def contents(self, artifact_type: str, image: Digest = IMAGE.digest) -> list[str]:
        """Return the digests of what is attached to an image."""
        found = self.registry.attached(replace(IMAGE, digest=image))
        assert found is not None
        return [
            one.untrusted_annotations.get(CONTENT, "")
            for one in found
            if one.artifact_type == artifact_type
        ]


def _sarif(report: Report) -> str:
    return str(Digest.of(sarif(exported(report, lambda _: None))))


def _healed() -> Report:
    """Return what is said of the same image after somebody took its findings back."""
    before = unhealthy_report()
    return replace(
        healthy_report(as_of=NOW + timedelta(days=1)),
        layers=before.layers,
        config_digest=before.config_digest,
    )


def test_what_is_said_of_an_image_is_attached_once() -> None:
    """A repeat, a later look that says the same, or another tag write nothing."""
    beside = Beside()
    beside.judge(unhealthy_report())
    assert beside.contents(SARIF) == [_sarif(unhealthy_report())]
    assert len(beside.contents(CYCLONEDX)) == 1
    assert beside.registry.writes == ["push", "push"]
    beside.attach()
    beside.judge(unhealthy_report(as_of=NOW + timedelta(days=1), seed=1, tag="v8"))
    assert beside.registry.writes == ["push", "push"]


def test_news_replace_what_was_attached() -> None:
    """The bill of materials stays: the image is the same."""
    beside = Beside()
    beside.judge(unhealthy_report())
    bill = beside.contents(CYCLONEDX)
    news = _healed()
    beside.judge(news)
    assert beside.contents(SARIF) == [_sarif(news)]
    assert beside.contents(CYCLONEDX) == bill
    assert beside.registry.writes[2:] == ["push", "remove"]
    manifest = next(m for m in beside.registry.pushed.values() if SARIF.encode() in m)
    assert b'"org.opencontainers.image.created":"2026-11-23T12:00:00Z"' in manifest


def test_what_others_attached_stays() -> None:
    """What only says that it is ours does not."""
    beside = Beside()
    subject = {"digest": str(IMAGE.digest)}
    theirs = {"artifactType": SARIF, "subject": subject, "annotations": {"by": "them"}}
    forged = theirs | {"annotations": {CONTENT: _sarif(unhealthy_report())}}
    for document in (theirs, forged):
        manifest = json.dumps(document).encode()
        beside.registry.pushed[Digest.of(manifest)] = manifest
    beside.judge(unhealthy_report())
    assert sorted(beside.contents(SARIF)) == ["", _sarif(unhealthy_report())]
    assert Digest.of(json.dumps(forged).encode()) not in beside.registry.pushed


def test_who_may_not_delete_leaves_the_old_ones() -> None:
    """And adds nothing at the next try."""
    beside = Beside()
    beside.registry.may_delete = False
    beside.judge(unhealthy_report())
    beside.judge(healthy_report(as_of=NOW + timedelta(days=1)))
    assert len(beside.contents(SARIF)) == 2
    beside.attach()
    assert beside.registry.writes.count("push") == 3


def test_of_an_index_each_platform_has_its_own() -> None:
    """The index has what is said of all; a bill is of one image."""
    digests = [Digest(f"sha256:{number:064x}") for number in (1, 2, 3)]
    children = [
        replace(child, image=replace(IMAGE, digest=digest, tag=None))
        for child, digest in zip((unhealthy_report(), unknown_report()), digests, strict=False)
    ]
    index = index_report(*zip((AMD64, ARM64), children, strict=True), digest=digests[2])
    beside = Beside(registry=InMemoryReferrers(images=dict.fromkeys(digests, _MANIFEST)))
    for child in children:
        beside.store.save(child, part_of=digests[2])
    beside.judge(index)
    assert [len(beside.contents(SARIF, digest)) for digest in digests] == [1, 1, 1]
    # What was not examined has no bill.
    assert [len(beside.contents(CYCLONEDX, digest)) for digest in digests] == [1, 0, 0]


def test_an_index_of_what_is_no_image_gets_nothing() -> None:
    """As an index of signatures."""
    child = replace(
        not_applicable_report(), image=replace(IMAGE, digest=Digest.of(b"child"), tag=None)
    )
    index = index_report((AMD64, child), digest=IMAGE.digest)
    beside = Beside()
    beside.store.save(child, part_of=IMAGE.digest)
    beside.judge(index)
    assert beside.registry.writes == []


@pytest.mark.parametrize("what", ["not-applicable", "never-judged", "gone", "no-referrers"])
def test_nothing_is_attached_where_nothing_can_be(what: str) -> None:
    """Neither to what was attached before, which comes back as a push, nor without a list."""
    beside = Beside()
    report = not_applicable_report() if what == "not-applicable" else unhealthy_report()
    if what == "gone":
        beside.registry.images.clear()
    beside.registry.has_referrers = what != "no-referrers"
    if what == "never-judged":
        beside.attach()
    else:
        beside.judge(report)
    assert beside.registry.writes == []


def test_only_what_is_switched_on_is_attached() -> None:
    """One of the two."""
    beside = Beside(kinds=frozenset({AttachmentKind.SARIF}))
    beside.judge(unhealthy_report())
    assert (len(beside.contents(SARIF)), beside.contents(CYCLONEDX)) == (1, [])


@pytest.mark.parametrize("calls", range(14))
def test_whenever_it_dies_the_next_try_ends_in_the_same(calls: int) -> None:
    """One right attachment of each kind, none of the old ones."""
    beside = Beside()
    beside.judge(unhealthy_report())
    news = _healed()
    beside.store.save(news)
    beside.registry.calls_until_outage = calls
    try:
        beside.attach()
    except RegistryError:
        beside.registry.calls_until_outage = None
        beside.attach()
    beside.registry.calls_until_outage = None
    assert beside.contents(SARIF) == [_sarif(news)]
    assert len(beside.contents(CYCLONEDX)) == 1


def test_two_at_once_leave_one() -> None:
    """Both have looked before either has pushed."""
    beside, other = Beside(), Beside()
    beside.judge(unhealthy_report())
    other.judge(unhealthy_report(as_of=NOW + timedelta(hours=1)))
    beside.registry.pushed.update(other.registry.pushed)
    assert len(beside.contents(SARIF)) == 2
    beside.attach()
    assert len(beside.contents(SARIF)) == 1
    assert len(beside.contents(CYCLONEDX)) == 1
    assert all(b"2026-11-22T13:00:00Z" in left for left in beside.registry.pushed.values())


def test_a_message_is_read_as_it_was_written() -> None:
    """And nothing else is read."""
    message = attach_messages.encode(IMAGE).encode()
    assert attach_messages.decode(message) == replace(IMAGE, tag=None)
    document = json.loads(message)
    for untrusted in (
        b"nonsense",
        b"[]",
        json.dumps(document | {"v": 2}).encode(),
        json.dumps(document | {"tag": "x"}).encode(),
        json.dumps(document | {"registry": 7}).encode(),
        json.dumps(document | {"digest": "sha256:../x"}).encode(),
        message + b" " * 5000,
    ):
        with pytest.raises(InvalidMessageError):
            attach_messages.decode(untrusted)
