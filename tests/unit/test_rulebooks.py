"""What people wrote, put in force for all workers."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scanner import lookups
from scanner.errors import PolicyError, StoreError
from scanner.model import Outcome
from scanner.policy import default_policy
from scanner.ports.policies import PolicyArchive
from scanner.rulebooks import Rulebooks
from scanner.storage.directory import Directory
from tests.contracts.policy_archive_contract import PolicyArchiveContract
from tests.examples import NOW
from tests.fakes import (
    InMemoryExploitArchive,
    InMemoryPolicyArchive,
    InMemoryPolicyFolder,
)

POLICY = b"""\
version: 1
name: shop
rules:
  - {name: severe, what: {kind: vulnerability, severity: CRITICAL}, outcome: blocks}
"""
EXEMPTIONS = b"""\
version: 1
exemptions:
  - ids: [CVE-2026-1, CVE-2026-2]
    images: ["contoso.azurecr.io/dev/**"]
    owner: jane@contoso.example
    reason: The parser is never given foreign files.
    expires: 2026-12-31
"""
VEX = b"""{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://contoso.example/vex/1",
"author": "Contoso", "timestamp": "2026-11-01T00:00:00Z", "version": 1, "statements": [
{"vulnerability": {"name": "CVE-2026-3"}, "status": "not_affected",
 "justification": "vulnerable_code_not_present", "products": [{"@id": "pkg:pypi/jinja2"}]}]}"""


class TestInMemoryPolicyArchive(PolicyArchiveContract):
    """The fake keeps the contract."""

    @pytest.fixture(autouse=True)
    def _empty(self) -> None:
        self._archive = InMemoryPolicyArchive()

    def archive(self) -> PolicyArchive:
        """Return the one that there is."""
        return self._archive


@dataclass(kw_only=True)
class World:
    """A folder, and an archive that all workers share."""

    folder: InMemoryPolicyFolder = field(default_factory=InMemoryPolicyFolder)
    archive: InMemoryPolicyArchive = field(default_factory=InMemoryPolicyArchive)
    tables: InMemoryExploitArchive = field(default_factory=InMemoryExploitArchive)
    now: datetime = NOW

    def rulebooks(self, policy: str | None = "policy.yaml") -> Rulebooks:
        """Return those of a worker that has just started."""
        return Rulebooks(
            folder=self.folder,
            policy=policy,
            archive=self.archive,
            tables=self.tables,
            clock=lambda: self.now,
        )


@pytest.fixture
def world() -> World:
    """A world with a policy in it."""
    return World(folder=InMemoryPolicyFolder(documents={"policy.yaml": POLICY}))


def test_without_a_name_the_shipped_policy_is_in_force() -> None:
    """And is kept like any other."""
    world = World()
    assert world.rulebooks(None).current().policy == default_policy()
    assert default_policy().digest in world.archive.documents


def test_the_first_worker_puts_it_in_force(world: World) -> None:
    """With exemptions and statements that lie beside it."""
    world.folder.documents |= {"exemptions.yaml": EXEMPTIONS, "vex/a.json": VEX}
    rulebook = world.rulebooks().current()
    assert rulebook.policy.name == "shop"
    assert [one.id for one in rulebook.exemptions.exemptions] == ["exemptions.yaml#1"]
    assert [one.id for one in rulebook.exemptions.statements] == ["vex/a.json#1"]
    standing = world.archive.in_force()
    assert standing is not None
    assert standing.policy == rulebook.applied(tag=None)


def test_a_change_is_in_force_once_somebody_has_read_it(world: World) -> None:
    """For a worker that runs on, too, and it is the same for all."""
    running = world.rulebooks()
    before = running.current()
    world.folder.documents["exemptions.yaml"] = EXEMPTIONS
    assert running.current() == before
    world.rulebooks().update()
    now = running.current()
    assert now.exemptions.digest is not None
    assert running.find(before.applied(tag=None)) == before
    assert world.rulebooks().changes(before.applied(tag=None), now) == frozenset(
        lookups.key(lookups.of_vulnerability(f"CVE-2026-{n}")) for n in (1, 2)
    )


def test_a_broken_change_leaves_the_last_good_one_in_force(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Loudly: in the log, and for whoever looks; jobs go on. Mended, all is well."""
    before = world.rulebooks().current()
    world.folder.documents |= {"policy.yaml": POLICY.replace(b"CRITICAL", b"HUGE")}
    world.folder.documents |= {"vex/a.json": b"{}"}
    assert world.rulebooks().update().policy == before.applied(tag=None)
    assert world.rulebooks().current() == before
    standing = world.archive.in_force()
    assert standing is not None
    for text in ("policy.yaml:4: rules[1].what.severity is 'HUGE'", "vex/a.json:1: is not OpenVEX"):
        assert text in standing.fault
        assert text in caplog.text
    world.folder.documents |= {"policy.yaml": POLICY, "vex/a.json": VEX}
    assert world.rulebooks().update().fault == ""


@pytest.mark.parametrize("text", [None, b"version: 1"])
def test_nothing_starts_with_a_broken_one(text: bytes | None) -> None:
    """There is no good one to go on with."""
    world = World()
    if text is not None:
        world.folder.documents["policy.yaml"] = text
    for _ in range(2):
        with pytest.raises(PolicyError, match=r"policy\.yaml:1: "):
            world.rulebooks().current()
    assert world.archive.in_force() is None


def test_a_document_that_was_kept_and_is_gone_is_told(world: World) -> None:
    """A report names it, and nobody can judge by it again."""
    applied = world.rulebooks().current().applied(tag=None)
    world.archive.documents.clear()
    with pytest.raises(StoreError, match=f"{applied.digest} is not kept"):
        world.rulebooks().find(applied)


def test_another_policy_may_concern_any_image(world: World) -> None:
    """Rules are about anything."""
    before = world.rulebooks().current().applied(tag=None)
    world.folder.documents["policy.yaml"] = POLICY.replace(b"CRITICAL", b"HIGH")
    world.rulebooks().update()
    now = world.rulebooks().current()
    assert world.rulebooks().changes(before, now) is None
    assert now.policy.rules[0].outcome is Outcome.BLOCKS


def test_globs_on_ids_may_concern_any_image(world: World) -> None:
    """Nobody knows which ids there are."""
    before = world.rulebooks().current().applied(tag=None)
    world.folder.documents["exemptions.yaml"] = EXEMPTIONS.replace(b"CVE-2026-1", b'"CVE-*"')
    world.rulebooks().update()
    assert world.rulebooks().changes(before, world.rulebooks().current()) is None


def test_an_exemption_may_not_outlast_the_policys_limit(world: World) -> None:
    """Longer is a fault; what has ended is not."""
    world.folder.documents["exemptions.yaml"] = EXEMPTIONS.replace(b"2026-12-31", b"2027-12-31")
    with pytest.raises(PolicyError, match=r"exemptions.yaml:7: .*more than 180 days ahead"):
        world.rulebooks().current()
    world.folder.documents["exemptions.yaml"] = EXEMPTIONS
    world.now += timedelta(days=400)
    assert len(world.rulebooks().current().exemptions.exemptions) == 1


def test_documents_may_lie_in_a_directory(tmp_path: Path, world: World) -> None:
    """Where there is no blob storage, or the image brings its policy."""
    (tmp_path / "vex").mkdir()
    (tmp_path / "policy.yaml").write_bytes(POLICY)
    (tmp_path / "vex" / "a.json").write_bytes(VEX)
    rulebook = replace(world.rulebooks(), folder=Directory(tmp_path)).current()
    assert (rulebook.policy.name, len(rulebook.exemptions.statements)) == ("shop", 1)
    with pytest.raises(StoreError, match="larger than 5 bytes"):
        Directory(tmp_path).read("policy.yaml", max_bytes=5)
