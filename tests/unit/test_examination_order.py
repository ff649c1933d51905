"""What an examination does at the same time."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.model import Digest, LayerInventory, Platform, Unexaminable
from scanner.ports import Layer, ResolvedImage
from tests.contracts.inventory_store_contract import digest_of
from tests.examples import ADVISORIES, IMAGE
from tests.fakes import InMemoryInventoryStore, StubRegistry, StubScanner, examiner_on
from tests.reports import SCANNER

A, B, C = map(digest_of, "abc")
_WAIT_SECONDS = 20


def _examine(registry: StubRegistry, inventories: InMemoryInventoryStore, scratch: Path) -> None:
    image = ResolvedImage(
        reference=replace(IMAGE, digest=digest_of("app")),
        platform=Platform(os="linux", architecture="amd64"),
        manifest=b"{}",
        config=b"{}",
    )
    scanner = StubScanner(scanner=SCANNER, database=ADVISORIES)
    examiner = examiner_on(registry, scanner, inventories, scratch)
    examiner.examine(image, advisories=ADVISORIES)


class _PatientInventories(InMemoryInventoryStore):
    """Answers for what is known only once a pull has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.pulling = threading.Event()
        self.patient = frozenset[Digest]()

    def find(self, profile: str, diff_id: Digest) -> LayerInventory | None:
        if diff_id in self.patient:
            assert self.pulling.wait(_WAIT_SECONDS), "nothing is pulled meanwhile"
        return super().find(profile, diff_id)


class _AnnouncingRegistry(StubRegistry):
    """Says when a pull begins, and in which order it was asked for."""

    pulling: threading.Event
    order: list[Digest]

    def pull(
        self,
        image: ResolvedImage,
        layers: Sequence[Layer],
        *,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        self.pulling.set()
        self.order += [layer.diff_id for layer in layers]
        return super().pull(image, layers, into=into, done=done)


@pytest.fixture
def inventories() -> _PatientInventories:
    """Nothing is known yet."""
    return _PatientInventories()


@pytest.fixture
def registry(inventories: _PatientInventories) -> _AnnouncingRegistry:
    """It announces to those inventories."""
    registry = _AnnouncingRegistry()
    registry.pulling, registry.order = inventories.pulling, []
    return registry


def test_what_is_kept_is_read_while_what_is_new_is_pulled(
    registry: _AnnouncingRegistry, inventories: _PatientInventories, tmp_path: Path
) -> None:
    """The reading of forty known layers would else come before the one new layer."""
    registry.layers[digest_of("app")] = (A, B)
    _examine(registry, inventories, tmp_path)
    registry.layers[digest_of("app")] = (A, B, C)
    inventories.pulling.clear()
    inventories.patient = frozenset({A, B})
    _examine(registry, inventories, tmp_path)
    assert registry.order == [A, B, C]
