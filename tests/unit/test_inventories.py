import hashlib
import uuid
from dataclasses import replace

import msgspec
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from scanner.checking import KeptInventories
from scanner.errors import StoreError
from scanner.layers import Entry, Kind
from scanner.model import LayerInventory
from scanner.ports import InventoryStore
from scanner.store import inventory_json
from scanner.store.inventory_json import decode, encode
from tests.contracts.inventory_store_contract import InventoryStoreContract, digest_of
from tests.fakes import InMemoryInventoryStore

_INVENTORY = LayerInventory(
    diff_id=digest_of("layer"),
    key=f"sha256:{hashlib.sha256(b'key').hexdigest()}",
    untrusted_record=b'{"SchemaVersion":2}',
    unexamined=(),
    entries=(Entry("etc", Kind.DIRECTORY, 0, ""), Entry("etc/passwd", Kind.FILE, 0, "")),
)


class TestKeptInventories(InventoryStoreContract):
    """What a check keeps for itself is a port's implementation like the others."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._store = KeptInventories()
        self._name = uuid.uuid4().hex

    def store(self) -> InventoryStore:
        """Return the one store of this test."""
        return self._store

    def own_name(self) -> str:
        """Return a name of this test's own."""
        return self._name


class TestInMemoryInventoryStore(InventoryStoreContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._store = InMemoryInventoryStore()
        self._name = uuid.uuid4().hex

    def store(self) -> InventoryStore:
        """Return the one store of this test."""
        return self._store

    def own_name(self) -> str:
        """Return a name of this test."""
        return self._name


# What a tar archive's bytes become.
_NAMES = st.binary(max_size=20).map(lambda name: name.decode("utf-8", "surrogateescape"))
_ENTRIES = st.builds(
    Entry, _NAMES, st.sampled_from(Kind), st.integers(0, (1 << 63) - 1), _NAMES
).map(
    # Nobody asks for more of a plain file than its name.
    lambda entry: entry._replace(mode=0, link="") if entry.kind is Kind.FILE else entry
)


@given(entries=st.lists(_ENTRIES))
def test_every_list_of_entries_comes_back(entries: list[Entry]) -> None:
    """In its order, whatever the names are made of."""
    inventory = replace(_INVENTORY, entries=tuple(entries))
    assert decode(encode(inventory)) == inventory


def _frame(**changes: object) -> bytes:
    document = msgspec.json.decode(zstd.decompress(encode(_INVENTORY))) | changes
    return zstd.compress(msgspec.json.encode(document))


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"no frame",
        encode(_INVENTORY)[:-3],
        encode(_INVENTORY) + b"more",
        zstd.compress(b'{"schema":"pushscan.inventory/v1"}'),
        zstd.compress(b"[" * 200_000),
        zstd.compress(b'{"files":' + b"[" * 200_000),
        zstd.compress(b'{"else":' + b'{"a":' * 200_000),
        _frame(schema="pushscan.inventory/v2"),
        _frame(diff_id="sha256:no"),
        _frame(files="etc"),
        _frame(files=["\u20ac"]),
        _frame(others=[[-1, "etc", "5", 0, ""]]),
        _frame(others=[[0, "etc", "9", 0, ""]]),
        _frame(others=[[7, "etc", "5", 0, ""]]),
        _frame(secrets=[["github-pat", "AWFUL", "", "a", 1]]),
        _frame(secrets=[["github-pat", "HIGH", "", "a"]]),
        _frame(further=1),
    ],
    ids=lambda stored: stored[:12].hex(),
)
def test_what_is_no_inventory_is_an_error(stored: bytes) -> None:
    """Never an empty one: that would make a layer healthy."""
    with pytest.raises(StoreError, match=r"^inventories\.read: "):
        tuple(decode(stored).entries)


def test_a_frame_that_unpacks_to_too_much_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up at the limit."""
    monkeypatch.setattr(inventory_json, "_MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(StoreError, match="too large"):
        decode(zstd.compress(b" " * 1_000_000))


def test_an_inventory_that_is_too_large_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could read it again."""
    monkeypatch.setattr(inventory_json, "MAX_STORED_BYTES", 100)
    with pytest.raises(StoreError, match=r"^inventories\.write: "):
        encode(_INVENTORY)


@given(stored=st.binary())
def test_any_bytes_are_an_error(stored: bytes) -> None:
    """Packed or not."""
    for frame in (stored, zstd.compress(stored)):
        with pytest.raises(StoreError):
            decode(frame)
