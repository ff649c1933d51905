"""What every Sightings does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta

from scanner.model import Digest, ImageReference
from scanner.ports import Progress, Sighting, Sightings
from tests.examples import NOW


def digest(number: int) -> Digest:
    """Return a digest of its own for each number, in their order."""
    return Digest(f"sha256:{number:064x}")


class SightingsContract(ABC):
    """Subclasses say how to get one, and which registry is theirs."""

    @abstractmethod
    def sightings(self) -> Sightings:
        """Return the one under test; each call within a test returns one on the same data."""

    @abstractmethod
    def registry(self) -> str:
        """Return a registry that no other test uses."""

    def _sighting(self, number: int, repository: str = "shop/cart") -> Sighting:
        image = ImageReference(
            registry=self.registry(), repository=repository, digest=digest(number), tag="v1"
        )
        return Sighting(image=image, first_seen_at=NOW, last_seen_at=NOW)

    def test_a_sighting_is_found_as_it_was_saved_last(self) -> None:
        """Among others, and only in its own repository."""
        first = self._sighting(2)
        self.sightings().save(first)
        later = replace(first, last_seen_at=NOW + timedelta(hours=1), queued_at=NOW)
        self.sightings().save(later)
        self.sightings().save(self._sighting(3))
        among = self.sightings().among(
            self.registry(), "shop/cart", [digest(1), digest(2), digest(4)]
        )
        assert among == {digest(2): later}
        assert self.sightings().among(self.registry(), "shop", [digest(2)]) == {}
        assert self.sightings().among(self.registry(), "shop/cart", []) == {}

    def test_what_is_removed_is_gone(self) -> None:
        """Twice is as good as once."""
        sighting = self._sighting(1)
        self.sightings().save(sighting)
        self.sightings().remove(sighting.image)
        self.sightings().remove(sighting.image)
        assert list(self.sightings().list_all(self.registry())) == []

    def test_all_of_a_registry_are_listed_in_order(self) -> None:
        """And none of a registry whose name begins alike."""
        saved = [
            self._sighting(2, "base"),
            self._sighting(1, "shop/cart"),
            self._sighting(3, "shop/cart"),
        ]
        stranger = replace(saved[0].image, registry=f"{self.registry()}.example")
        for sighting in (*reversed(saved), replace(saved[0], image=stranger)):
            self.sightings().save(sighting)
        assert list(self.sightings().list_all(self.registry())) == saved
        assert {one.image.registry for one in self.sightings().list_all()} >= {
            self.registry(),
            stranger.registry,
        }

    def test_when_a_repository_was_listed_is_kept(self) -> None:
        """The last time, of each by itself, and apart from a registry's progress."""
        own, registry = self.sightings(), self.registry()
        assert own.listed_at(registry, "shop/cart") is None
        for hours in (0, 1):
            own.note_listed(registry, "shop/cart", NOW + timedelta(hours=hours))
        assert self.sightings().listed_at(registry, "shop/cart") == NOW + timedelta(hours=1)
        assert own.listed_at(registry, "shop") is None
        assert own.progress(registry) is None

    def test_progress_is_kept(self) -> None:
        """Whole, and by registry."""
        assert self.sightings().progress(self.registry()) is None
        begun = Progress(registry=self.registry(), pass_began_at=NOW, run_at=NOW)
        self.sightings().save_progress(begun)
        later = replace(
            begun,
            after="base",
            inside="shop/cart",
            manifests_after=str(digest(1)),
            pass_ended_at=NOW,
            fault="not listed: base",
        )
        self.sightings().save_progress(later)
        assert self.sightings().progress(self.registry()) == later
