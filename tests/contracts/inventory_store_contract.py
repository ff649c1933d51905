"""What every InventoryStore does; run on the fake and on the real one."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace

from scanner.layers import Entry, Kind
from scanner.model import Digest, LayerInventory, Severity, Weakness, WeaknessKind
from scanner.ports import InventoryStore

_KEY = "sha256:" + "5e" * 32


def digest_of(text: str) -> Digest:
    """Make a digest that nobody else uses."""
    return Digest(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


class InventoryStoreContract(ABC):
    """Subclasses say how to get a store and a name that no other test uses."""

    @abstractmethod
    def store(self) -> InventoryStore:
        """Return the store under test; each call within a test returns one on the same data."""

    @abstractmethod
    def own_name(self) -> str:
        """Return a name that belongs to this test alone."""

    @property
    def _profile(self) -> str:
        return digest_of(self.own_name()).hex

    def _inventory(self) -> LayerInventory:
        return LayerInventory(
            diff_id=digest_of(f"{self.own_name()} layer"),
            key=_KEY,
            untrusted_record=b'{"SchemaVersion":2}',
            unexamined=("a.jar: \\x1b is no archive",),
            secrets=(self._secret(),),
            entries=(
                Entry("etc", Kind.DIRECTORY, 0, ""),
                Entry("etc/caf\u00e9", Kind.FILE, 0, ""),
                Entry("etc/\udcff", Kind.SYMBOLIC_LINK, 0o777, "../\udcfe"),
                Entry("etc/z", Kind.FILE, 0, ""),
            ),
        )

    def _secret(self) -> Weakness:
        return Weakness(
            kind=WeaknessKind.SECRET,
            id="github-pat",
            severity=Severity.CRITICAL,
            title="GitHub Personal Access Token",
            path="app/caf\u00e9.env",
            line=7,
            layer_diff_id=str(digest_of(f"{self.own_name()} layer")),
        )

    def test_what_was_saved_is_found(self) -> None:
        """Byte for byte, names that are no text included."""
        self.store().save(self._profile, self._inventory())
        assert self.store().find(self._profile, self._inventory().diff_id) == self._inventory()

    def test_nothing_is_found_of_an_unknown_layer(self) -> None:
        """Nor before there is anything at all."""
        assert self.store().find(self._profile, digest_of(self.own_name())) is None

    def test_another_profile_knows_nothing(self) -> None:
        """Another scanner would have found something else."""
        self.store().save(self._profile, self._inventory())
        other = digest_of(f"{self.own_name()} other").hex
        assert self.store().find(other, self._inventory().diff_id) is None

    def test_the_first_inventory_stays(self) -> None:
        """Whoever comes second found the same; were it otherwise, it would not be believed."""
        self.store().save(self._profile, self._inventory())
        self.store().save(self._profile, replace(self._inventory(), unexamined=()))
        assert self.store().find(self._profile, self._inventory().diff_id) == self._inventory()

    def test_a_blob_is_known_by_what_it_unpacks_to(self) -> None:
        """Once somebody has seen it."""
        blob, contents = digest_of(f"{self.own_name()} blob"), digest_of("contents")
        assert self.store().unpacks_to(blob) is None
        self.store().remember(blob, unpacks_to=contents)
        self.store().remember(blob, unpacks_to=contents)
        assert self.store().unpacks_to(blob) == contents
