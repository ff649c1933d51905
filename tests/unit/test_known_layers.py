"""Inventories are read once while there is room for them."""

from dataclasses import replace

import pytest

from scanner import known_layers
from scanner.known_layers import KnownLayers
from scanner.model import Digest, LayerInventory
from tests.fakes import InMemoryInventoryStore

_PROFILE = "ab" * 32


class _Counting(InMemoryInventoryStore):
    """A store that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Digest] = []

    def find(self, profile: str, diff_id: Digest) -> LayerInventory | None:
        """Return what was saved first."""
        self.asked.append(diff_id)
        return super().find(profile, diff_id)


@pytest.fixture
def store() -> _Counting:
    """Return a store with three layers of 40 bytes."""
    made = _Counting()
    for name in (b"a", b"b", b"c"):
        layer = LayerInventory(
            diff_id=Digest.of(name),
            key=name.decode(),
            untrusted_record=name * 40,
            unexamined=(),
            entries=(),
        )
        made.save(_PROFILE, layer)
    return made


def test_a_layer_that_images_share_is_read_once(store: _Counting) -> None:
    """One that is not there is asked for again: it may have come."""
    layers = KnownLayers(store, _PROFILE)
    shared, missing = Digest.of(b"a"), Digest.of(b"d")
    found = [layers.find(digest) for digest in (shared, missing, shared, missing)]
    assert found == [store.inventories[_PROFILE, shared], None] * 2
    assert store.asked == [shared, missing, missing]


def test_what_was_wanted_longest_ago_is_let_go_where_there_is_no_room(
    store: _Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records may have a hundred megabytes."""
    monkeypatch.setattr(known_layers, "_ROOM_BYTES", 100)
    layers = KnownLayers(store, _PROFILE)
    a, b, c = (Digest.of(name) for name in (b"a", b"b", b"c"))
    for digest in (a, b, a, c, a, b):
        layers.find(digest)
    assert store.asked == [a, b, c, b]
    large = replace(store.inventories[_PROFILE, a], diff_id=Digest.of(b"l"))
    store.save(_PROFILE, replace(large, untrusted_record=b"x" * 101))
    layers.find(large.diff_id)
    layers.find(large.diff_id)
    assert store.asked[-2:] == [large.diff_id] * 2
