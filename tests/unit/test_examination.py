"""A layer is pulled and analysed once; what its config claims of a blob is not believed."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    Platform,
    ScanReport,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import Layer, PullPlan, ResolvedImage
from tests.contracts.inventory_store_contract import digest_of
from tests.examples import ADVISORIES, IMAGE
from tests.fakes import InMemoryInventoryStore, StubRegistry, StubScanner, examiner_on
from tests.reports import SCANNER

A, B, C = map(digest_of, "abc")
_BOMB = Unexaminable(reason=UnknownReason.TOO_LARGE, detail="a bomb")
_CORRUPT = Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail="not what it claims")


def _image(name: str) -> ResolvedImage:
    return ResolvedImage(
        reference=replace(IMAGE, digest=digest_of(name)),
        platform=Platform(os="linux", architecture="amd64"),
        manifest=b"{}",
        config=b"{}",
    )


class _Surroundings:
    """An examiner with everything around it, and images by name."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.registry = StubRegistry()
        self.scanner = StubScanner(scanner=SCANNER, database=ADVISORIES)
        self.inventories = InMemoryInventoryStore()

    def push(self, name: str, *diff_ids: Digest) -> None:
        self.registry.layers[digest_of(name)] = diff_ids

    def examine(self, name: str) -> Examination:
        examiner = examiner_on(self.registry, self.scanner, self.inventories, self.scratch)
        return examiner.examine(_image(name), advisories=ADVISORIES)


@pytest.fixture
def around(tmp_path: Path) -> _Surroundings:
    """Put an image `app` of two layers into the registry."""
    around = _Surroundings(tmp_path)
    around.push("app", A, B)
    return around


def test_what_was_found_in_the_layers_is_matched_in_their_order(around: _Surroundings) -> None:
    """And nothing is left on the disk."""
    examined = around.examine("app")
    assert examined.diff_ids == (A, B)
    assert isinstance(examined.seen, ScanReport)
    assert sorted(around.scanner.analysed) == sorted([A, B])
    assert around.scanner.matched == [(A, B)]
    assert not list(around.scratch.iterdir())


def test_a_known_layer_is_neither_pulled_nor_analysed(around: _Surroundings) -> None:
    """A push costs what is new in it."""
    around.examine("app")
    around.push("next", A, C)
    around.examine("next")
    assert around.registry.pulled_layers == [A, B, C]
    assert around.scanner.analysed.count(A) == 1
    assert around.scanner.matched[-1] == (A, C)


def test_an_image_of_known_layers_asks_the_registry_nothing(around: _Surroundings) -> None:
    """Not even while it is away."""
    around.examine("app")
    around.registry.outage = RegistryError("away")
    assert isinstance(around.examine("app").seen, ScanReport)


def test_a_new_profile_analyses_again(around: _Surroundings) -> None:
    """Another scanner may find more; what the old one found stays."""
    around.examine("app")
    around.scanner.version = "2"
    around.examine("app")
    assert around.registry.pulled_layers == [A, B, A, B]
    assert around.scanner.analysed.count(A) == 2
    assert len(around.inventories.inventories) == 4


def test_the_same_contents_in_another_blob_are_verified_but_not_analysed(
    around: _Surroundings,
) -> None:
    """Packed anew, as every build does; the next time the blob is known too."""
    around.examine("app")
    repacked = digest_of("a, packed anew")
    around.registry.packed[A] = repacked
    around.examine("app")
    assert around.registry.pulled_layers == [A, B, repacked]
    assert around.scanner.analysed.count(A) == 1
    around.examine("app")
    assert around.registry.pulled_layers == [A, B, repacked]


def test_a_claim_about_a_blob_is_not_believed(around: _Surroundings) -> None:
    """It is pulled, so that the registry's side sees what it is; and nothing is remembered."""
    around.examine("app")
    before = dict(around.inventories.inventories), dict(around.inventories.contents)
    evil = digest_of("evil")
    around.registry.packed[A] = evil
    around.push("poison", A)
    around.registry.unpullable[digest_of("poison")] = _CORRUPT
    assert around.examine("poison") == Examination(diff_ids=(), seen=_CORRUPT)
    assert around.registry.pulled_layers[-1] == evil
    assert around.scanner.matched == [(A, B)]
    assert before == (around.inventories.inventories, around.inventories.contents)


def test_a_known_blob_under_another_claim_is_pulled(around: _Surroundings) -> None:
    """It was seen to unpack to A; who says B is not believed, though B is known."""
    around.examine("app")
    around.registry.packed[B] = A
    around.push("poison", B)
    around.registry.unpullable[digest_of("poison")] = _CORRUPT
    assert around.examine("poison").seen == _CORRUPT
    assert around.registry.pulled_layers[-1] == A


def test_a_layer_that_is_there_twice_is_analysed_once(around: _Surroundings) -> None:
    """And matched twice."""
    around.push("twice", A, B, A)
    assert around.examine("twice").diff_ids == (A, B, A)
    assert sorted(around.scanner.analysed) == sorted([A, B])
    assert around.scanner.matched == [(A, B, A)]


def test_contents_that_are_there_in_two_blobs_are_analysed_once(tmp_path: Path) -> None:
    """Both blobs are known afterwards."""
    around = _Surroundings(tmp_path)
    blobs = digest_of("one way"), digest_of("another way")
    around.registry = _TwoWays(blobs)
    assert around.examine("app").diff_ids == (A, A)
    assert around.scanner.analysed == [A]
    assert around.inventories.contents == dict.fromkeys(blobs, A)
    assert not list(tmp_path.iterdir())


class _TwoWays(StubRegistry):
    """Has one image, in which A is packed in two ways."""

    def __init__(self, blobs: Sequence[Digest]) -> None:
        super().__init__()
        self._blobs = blobs

    def plan(self, image: ResolvedImage) -> PullPlan:
        del image
        layers = tuple(Layer(digest=blob, size=1, diff_id=A) for blob in self._blobs)
        return PullPlan(layers=layers, diff_ids=(A, A))


def test_a_fault_of_a_layer_is_the_images(around: _Surroundings) -> None:
    """It is told and not kept: under other limits it may be none; the other layers are."""
    around.push("faulty", A, B, C)
    around.scanner.faulty[B] = _BOMB
    for _ in range(2):
        assert around.examine("faulty") == Examination(diff_ids=(), seen=_BOMB)
    assert [around.scanner.analysed.count(layer) for layer in (A, B, C)] == [1, 2, 1]
    assert around.scanner.matched == []
    assert not list(around.scratch.iterdir())


def test_an_outage_in_the_midst_keeps_what_was_done(around: _Surroundings) -> None:
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
def test_our_own_fault_is_raised(around: _Surroundings, fault: PushscanError) -> None:
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

    around = _Surroundings(tmp_path)
    around.registry = Unplanned()
    assert around.examine("app") == Examination(diff_ids=(), seen=_BOMB)
    assert around.registry.pulled == []


@pytest.mark.parametrize("name", ["MAX_ENTRIES", "MAX_RECORD_BYTES"])
def test_an_image_that_holds_too_much_is_too_large(
    around: _Surroundings, monkeypatch: pytest.MonkeyPatch, name: str
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


def test_two_workers_on_one_layer_have_one_result(around: _Surroundings) -> None:
    """Both analyse it, as neither knows of the other; both go on with an equal inventory."""
    around.push("app", A)
    around.scanner = _Meeting(2)
    with ThreadPoolExecutor(2) as threads:
        examined = list(threads.map(around.examine, ["app", "app"]))
    assert examined[0] == examined[1]
    assert around.scanner.analysed == [A, A]
    assert len(around.inventories.inventories) == 1
    assert around.inventories.contents == {A: A}
    assert not list(around.scratch.iterdir())


class _Meeting(StubScanner):
    """Begins no analysis before so many have come."""

    def __init__(self, parties: int) -> None:
        super().__init__(scanner=SCANNER, database=ADVISORIES)
        self._barrier = threading.Barrier(parties, timeout=10.0)

    def analyse(
        self, layer: Path, diff_id: Digest, *, advisories: Advisories
    ) -> LayerInventory | Unexaminable:
        self._barrier.wait()
        return super().analyse(layer, diff_id, advisories=advisories)
