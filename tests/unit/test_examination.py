"""A layer is pulled and analysed once; what its config claims of a blob is not believed."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scanner.errors import RegistryError
from scanner.examination import Examination
from scanner.model import (
    Advisories,
    Digest,
    LayerInventory,
    ScanReport,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import Layer, PullPlan, ResolvedImage
from tests.contracts.inventory_store_contract import digest_of
from tests.examined_images import A, B, C, Surroundings
from tests.examples import ADVISORIES
from tests.fakes import StubRegistry, StubScanner
from tests.reports import SCANNER

_CORRUPT = Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail="not what it claims")


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    """Put an image `app` of two layers into the registry."""
    around = Surroundings(tmp_path)
    around.push("app", A, B)
    return around


def test_what_was_found_in_the_layers_is_matched_in_their_order(around: Surroundings) -> None:
    """And nothing is left on the disk."""
    examined = around.examine("app")
    assert examined.diff_ids == (A, B)
    assert isinstance(examined.seen, ScanReport)
    assert sorted(around.scanner.analysed) == sorted([A, B])
    assert around.scanner.matched == [(A, B)]
    assert not list(around.scratch.iterdir())


def test_a_known_layer_is_neither_pulled_nor_analysed(around: Surroundings) -> None:
    """A push costs what is new in it."""
    around.examine("app")
    around.push("next", A, C)
    around.examine("next")
    assert around.registry.pulled_layers == [A, B, C]
    assert around.scanner.analysed.count(A) == 1
    assert around.scanner.matched[-1] == (A, C)


def test_an_image_of_known_layers_asks_the_registry_nothing(around: Surroundings) -> None:
    """Not even while it is away."""
    around.examine("app")
    around.registry.outage = RegistryError("away")
    assert isinstance(around.examine("app").seen, ScanReport)


def test_a_new_profile_analyses_again(around: Surroundings) -> None:
    """Another scanner may find more; what the old one found stays."""
    around.examine("app")
    around.scanner.version = "2"
    around.examine("app")
    assert around.registry.pulled_layers == [A, B, A, B]
    assert around.scanner.analysed.count(A) == 2
    assert len(around.inventories.inventories) == 4


def test_the_same_contents_in_another_blob_are_verified_but_not_analysed(
    around: Surroundings,
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


def test_a_claim_about_a_blob_is_not_believed(around: Surroundings) -> None:
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


def test_a_known_blob_under_another_claim_is_pulled(around: Surroundings) -> None:
    """It was seen to unpack to A; who says B is not believed, though B is known."""
    around.examine("app")
    around.registry.packed[B] = A
    around.push("poison", B)
    around.registry.unpullable[digest_of("poison")] = _CORRUPT
    assert around.examine("poison").seen == _CORRUPT
    assert around.registry.pulled_layers[-1] == A


def test_a_layer_that_is_there_twice_is_analysed_once(around: Surroundings) -> None:
    """And matched twice."""
    around.push("twice", A, B, A)
    assert around.examine("twice").diff_ids == (A, B, A)
    assert sorted(around.scanner.analysed) == sorted([A, B])
    assert around.scanner.matched == [(A, B, A)]


def test_contents_that_are_there_in_two_blobs_are_analysed_once(tmp_path: Path) -> None:
    """Both blobs are known afterwards."""
    around = Surroundings(tmp_path)
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


def test_two_workers_on_one_layer_have_one_result(around: Surroundings) -> None:
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
