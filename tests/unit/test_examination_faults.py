import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scanner import examination
from scanner.errors import AdvisoriesError, PushscanError, RegistryError, SandboxUnavailableError
from scanner.examination import Examination
from scanner.layers import Entry, Kind
from scanner.model import (
    Advisories,
    Digest,
    LayerInventory,
    ScanReport,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import Layer, ResolvedImage
from tests.examined_images import A, B, C, Surroundings
from tests.examples import ADVISORIES
from tests.fakes import StubRegistry, StubScanner
from tests.reports import SCANNER

_BOMB = Unexaminable(reason=UnknownReason.TOO_LARGE, detail="a bomb")


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    """Put an image `app` of two layers into the registry."""
    around = Surroundings(tmp_path)
    around.push("app", A, B)
    return around


def test_a_fault_of_a_layer_is_the_images(around: Surroundings) -> None:
    """It is told and not kept: under other limits it may be none; the other layers are."""
    around.push("faulty", A, B, C)
    around.scanner.faulty[B] = _BOMB
    for _ in range(2):
        assert around.examine("faulty") == Examination(diff_ids=(), seen=_BOMB)
    assert [around.scanner.analysed.count(layer) for layer in (A, B, C)] == [1, 2, 1]
    assert around.scanner.matched == []
    assert not list(around.scratch.iterdir())


def test_an_outage_in_the_midst_keeps_what_was_done(around: Surroundings) -> None:
    """The retry goes on from there."""
    around.registry = _Breaking(around.registry, after=1)
    with pytest.raises(RegistryError, match="gone"):
        around.examine("app")
    assert not list(around.scratch.iterdir())
    kept = set(around.inventories.contents)
    assert len(kept) == 1
    around.registry.breaks = False
    around.examine("app")
    assert around.registry.pulled_layers[2:] == [layer for layer in (A, B) if layer not in kept]
    assert sorted(around.scanner.analysed) == sorted([A, B])


class _Breaking(StubRegistry):
    """Goes away after so many layers, once the first ones have been analysed."""

    def __init__(self, registry: StubRegistry, *, after: int) -> None:
        super().__init__(layers=registry.layers)
        self.breaks = True
        self._after = after

    def pull(
        self,
        image: ResolvedImage,
        layers: Sequence[Layer],
        *,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        if not self.breaks:
            return super().pull(image, layers, into=into, done=done)
        super().pull(image, layers[: self._after], into=into, done=done)
        self.pulled_layers += [layer.digest for layer in layers[self._after :]]
        _until(lambda: not list(into.iterdir()))
        raise RegistryError("gone")


def _until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(1000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came true")


@pytest.mark.parametrize(
    "fault", [AdvisoriesError("damaged"), SandboxUnavailableError("none"), RegistryError("away")]
)
def test_our_own_fault_is_raised(around: Surroundings, fault: PushscanError) -> None:
    """Whichever side it comes from; it is nothing about the image, and nothing is left."""
    if isinstance(fault, RegistryError):
        around.registry.outage = fault
    else:
        around.scanner = _Failing(fault)
    with pytest.raises(type(fault)):
        around.examine("app")
    assert around.inventories.inventories == {}
    assert not list(around.scratch.iterdir())


class _Failing(StubScanner):
    """Cannot analyse."""

    def __init__(self, fault: PushscanError) -> None:
        super().__init__(scanner=SCANNER, database=ADVISORIES)
        self._fault = fault

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        del layer, diff_id, advisories
        raise self._fault


def test_an_image_without_a_plan_is_not_pulled(tmp_path: Path) -> None:
    """What is wrong with its manifest is told."""

    class Unplanned(StubRegistry):
        def plan(self, image: ResolvedImage) -> Unexaminable:
            del image
            return _BOMB

    around = Surroundings(tmp_path)
    around.registry = Unplanned()
    assert around.examine("app") == Examination(diff_ids=(), seen=_BOMB)
    assert around.registry.pulled == []


@pytest.mark.parametrize("name", ["MAX_ENTRIES", "MAX_RECORD_BYTES"])
def test_an_image_that_holds_too_much_is_too_large(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each layer is small enough, all of them are not; they are kept all the same."""
    around.scanner = _Filling(scanner=SCANNER, database=ADVISORIES)
    monkeypatch.setattr(examination, name, 4)
    around.push("small", A, B, A)
    assert isinstance(around.examine("small").seen, ScanReport)
    around.push("large", A, B, C)
    for _ in range(2):
        seen = around.examine("large").seen
        assert isinstance(seen, Unexaminable)
        assert seen.reason is UnknownReason.TOO_LARGE
    assert sorted(around.scanner.analysed) == sorted([A, B, C])


class _Filling(StubScanner):
    """Finds two of everything in each layer."""

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        found = super().analyse(layer, diff_id, advisories=advisories)
        assert isinstance(found, LayerInventory)
        files = tuple(Entry(name, Kind.FILE, 0, "") for name in "xy")
        return replace(found, entries=files, untrusted_record=b"{}")
