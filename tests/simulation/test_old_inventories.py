"""Inventories of profiles that nobody uses removed under kills."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from scanner.errors import StoreError
from scanner.model import Digest, LayerInventory
from scanner.store import old_inventories
from scanner.store.azure_inventories import AzureInventoryStore
from scanner.store.old_inventories import OldInventories
from tests.simulation.cloud import Cloud
from tests.simulation.perils import Clock, Killed, Perils

DAY = timedelta(days=1)
OLD, NEW, ODD = "0" * 64, "1" * 64, "2" * 64
"""Profiles: of the version before, of this one, and of a worker that nobody remembers."""


def inventory(number: int) -> LayerInventory:
    """Return what was found in a layer of its own."""
    return LayerInventory(
        diff_id=Digest.of(f"layer {number}".encode()),
        key=f"sha256:{number:064x}",
        untrusted_record=b'{"SchemaVersion":2}',
        unexamined=(),
        entries=(),
    )


def packed(number: int) -> Digest:
    """Return the digest of that layer's blob."""
    return Digest.of(f"blob {number}".encode())


@dataclass(kw_only=True)
class Archive:
    """A storage account, and workers of two versions."""

    clock: Clock = field(default_factory=Clock)
    perils: Perils = field(init=False)
    cloud: Cloud = field(init=False)

    def __post_init__(self) -> None:
        self.perils = Perils(chance=random.Random(3))  # noqa: S311  it shall be foreseeable
        self.cloud = Cloud(perils=self.perils, clock=self.clock)

    @property
    def _services(self) -> Any:  # noqa: ANN401  two service clients in one
        return cast("Any", self.cloud)

    def worker(self) -> AzureInventoryStore:
        """Return the store of a worker that has just started."""
        return AzureInventoryStore(self._services, self._services, self.clock.now)

    def examine(self, profile: str, *numbers: int) -> None:
        """Do as a worker does with new layers."""
        worker = self.worker()
        for number in numbers:
            assert worker.find(profile, inventory(number).diff_id) is None
            worker.remember(packed(number), unpacks_to=inventory(number).diff_id)
            worker.save(profile, inventory(number))

    def remove(self, in_use: str = NEW) -> None:
        """Run the removal as a process that has just started does."""
        OldInventories(self._services, self._services, self.clock.now).remove(in_use)

    def kept(self) -> dict[str, set[int]]:
        """Return which layers each profile knows."""
        blobs = self.cloud.get_container_client("inventories").blobs
        numbers = {inventory(number).diff_id.hex: number for number in range(600)}
        found: dict[str, set[int]] = {}
        for name in blobs:
            profile, _, diff_id = name.removesuffix(".json.zst").partition("/")
            found.setdefault(profile, set()).add(numbers[diff_id])
        return found

    def remembered(self) -> set[int]:
        """Return the layers of which it is known what their blobs unpack to."""
        worker = self.worker()
        return {number for number in range(600) if worker.unpacks_to(packed(number))}


@pytest.fixture
def archive() -> Archive:
    """A version that has been replaced, and its successor."""
    archive = Archive()
    archive.examine(OLD, *range(250))
    archive.clock.pass_by(DAY)
    archive.examine(NEW, *range(200, 320))
    return archive


def test_both_stay_while_any_worker_may_use_them(archive: Archive) -> None:
    """A rollout can be taken back: 30 days from the last use, not from the last write."""
    archive.clock.pass_by(29 * DAY)
    assert archive.worker().find(OLD, inventory(1).diff_id) is not None
    archive.clock.pass_by(29 * DAY)
    archive.remove()
    assert {profile: len(found) for profile, found in archive.kept().items()} == {
        OLD: 250,
        NEW: 120,
    }


def test_what_nobody_used_for_thirty_days_goes_with_what_named_its_layers(
    archive: Archive,
) -> None:
    """However often the removal is killed; a layer that the other knows too stays known."""
    archive.clock.pass_by(30 * DAY)
    archive.perils.killing, archive.perils.failing = 0.002, 0.002
    interrupted = 0
    while True:
        try:
            with archive.perils.attempt():
                archive.remove()
        except (Killed, StoreError):
            interrupted += 1
        else:
            break
    archive.perils.end()
    assert interrupted > 1
    assert archive.kept() == {NEW: set(range(200, 320))}
    assert archive.remembered() == set(range(200, 320))
    assert list(archive.cloud.get_table_client("profiles").rows()) == [
        row for row in archive.cloud.get_table_client("profiles").rows() if row["RowKey"] == NEW
    ]


def test_the_profile_of_the_worker_that_removes_stays(archive: Archive) -> None:
    """It may have had nothing to do for months."""
    archive.clock.pass_by(300 * DAY)
    archive.remove(in_use=NEW)
    assert archive.kept().keys() == {NEW}


def test_a_profile_that_nobody_remembers_has_thirty_days_from_now(archive: Archive) -> None:
    """Its row can be lost; its inventories are then not lost with it."""
    archive.examine(ODD, 500)
    archive.cloud.get_table_client("profiles").partitions["profiles"].pop(ODD)
    archive.clock.pass_by(29 * DAY)
    archive.remove()
    assert ODD in archive.kept()
    archive.clock.pass_by(30 * DAY)
    archive.remove()
    assert ODD not in archive.kept()


def test_a_version_that_is_taken_back_while_its_profile_is_removed_keeps_the_rest(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone by then is pulled once more."""
    archive.clock.pass_by(30 * DAY)
    monkeypatch.setattr(old_inventories, "_LOOK_EVERY", 10)
    archive.perils.interrupting = 0.01

    def come_between() -> None:
        archive.perils.end()
        archive.worker().find(OLD, inventory(1).diff_id)

    archive.perils.come_between = come_between
    with archive.perils.attempt():
        archive.remove()
    assert 0 < len(archive.kept()[OLD]) < 250


def test_a_run_ends_with_its_time_and_the_next_goes_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers are gone through where the last run stopped."""
    archive.clock.pass_by(30 * DAY)
    monkeypatch.setattr(old_inventories, "BUDGET", timedelta(0))
    for _ in range(10):
        archive.remove()
    assert archive.kept() == {NEW: set(range(200, 320))}
    assert archive.remembered() == set(range(200, 320))
