"""What every Catalogue does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

import pytest

from scanner.model import ImageReference
from scanner.ports import Catalogue


class CatalogueContract(ABC):
    """Subclasses say how to get a catalogue of pages of two, and how to fill it."""

    @abstractmethod
    def catalogue(self) -> Catalogue:
        """Return the catalogue under test, which lists two entries a page."""

    @abstractmethod
    def registry(self) -> str:
        """Return the login server of its registry."""

    @abstractmethod
    def push(self, repository: str, *, tag: str | None = None) -> ImageReference:
        """Put a manifest of its own into the registry; return it with its tag."""

    @abstractmethod
    def tag(self, image: ImageReference, tag: str) -> None:
        """Give a manifest that is there one more tag."""

    @abstractmethod
    def delete_repository(self, repository: str) -> None:
        """Take a repository out of the registry again."""

    def _repositories(self, after: str = "") -> list[tuple[str, ...]]:
        return list(self.catalogue().repositories(self.registry(), after=after))

    def _listed(self, repository: str, after: str = "") -> list[ImageReference]:
        pages = self.catalogue().manifests(self.registry(), repository, after=after)
        return [entry.image for page in pages for entry in page.manifests]

    def test_repositories_come_in_pages_in_their_order(self) -> None:
        """Slashes, dots and dashes are part of a name."""
        for name in ("tools", "base/debian", "a-b", "shop/cart.v2", "a"):
            self.push(name)
        pages = self._repositories()
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [name for page in pages for name in page] == sorted(
            ["tools", "base/debian", "a-b", "shop/cart.v2", "a"]
        )

    @pytest.mark.parametrize("after", ["b", "bb", "c"])
    def test_the_list_goes_on_behind_a_name(self, after: str) -> None:
        """Also behind one that is gone by now."""
        for name in ("a", "b", "c", "d"):
            self.push(name)
        names = [name for page in self._repositories(after) for name in page]
        assert names == [name for name in ("a", "b", "c", "d") if name > after]

    def test_an_empty_registry_lists_nothing(self) -> None:
        """No page at all."""
        assert self._repositories() == []

    def test_manifests_come_in_pages_in_the_order_of_their_digests(self) -> None:
        """Each with a tag if it has one, and with the place behind the page."""
        images = {self.push("shop/cart", tag=tag) for tag in ("v1", "v2", None, None, "v3")}
        pages = list(self.catalogue().manifests(self.registry(), "shop/cart"))
        listed = [entry.image for page in pages for entry in page.manifests]
        assert [len(page.manifests) for page in pages] == [2, 2, 1]
        assert listed == sorted(images, key=lambda image: image.digest)
        assert [page.after for page in pages] == [
            str(page.manifests[-1].image.digest) for page in pages
        ]

    def test_manifests_go_on_behind_a_digest(self) -> None:
        """Where a run stopped."""
        images = sorted((self.push("shop/cart") for _ in range(5)), key=lambda one: one.digest)
        assert self._listed("shop/cart", after=str(images[2].digest)) == images[3:]
        assert self._listed("shop/cart", after=str(images[4].digest)) == []

    def test_a_manifest_says_when_it_last_changed(self) -> None:
        """In UTC."""
        self.push("shop/cart")
        (page,) = self.catalogue().manifests(self.registry(), "shop/cart")
        (entry,) = page.manifests
        assert abs(datetime.now(UTC) - entry.updated_at) < timedelta(minutes=5)

    def test_a_manifest_is_listed_with_all_its_tags(self) -> None:
        """In their order; one that has moved on is with the image that has it now."""
        first, second = self.push("shop/cart", tag="v1"), self.push("shop/cart", tag="v2")
        for tag in ("latest", "v1.0", "v2"):
            self.tag(first, tag)
        (page,) = self.catalogue().manifests(self.registry(), "shop/cart")
        assert {entry.image.digest: entry.tags for entry in page.manifests} == {
            first.digest: ("latest", "v1", "v1.0", "v2"),
            second.digest: (),
        }

    def test_a_repository_is_there_until_it_is_deleted(self) -> None:
        """Whoever asks for it by name hears it from the registry itself."""
        self.push("shop/cart")
        assert self.catalogue().has_repository(self.registry(), "shop/cart")
        assert not self.catalogue().has_repository(self.registry(), "shop")
        self.delete_repository("shop/cart")
        assert not self.catalogue().has_repository(self.registry(), "shop/cart")

    def test_a_repository_that_is_gone_lists_nothing(self) -> None:
        """It may be deleted between the two lists."""
        self.push("shop/cart")
        self.delete_repository("shop/cart")
        assert self._listed("shop/cart") == []

    def test_only_the_page_that_is_wanted_is_asked_for(self) -> None:
        """What comes in between two pages is in the second."""
        for name in ("a", "b", "c"):
            self.push(name)
        pages = self.catalogue().repositories(self.registry())
        assert next(pages) == ("a", "b")
        self.push("bb")
        assert next(pages) == ("bb", "c")
