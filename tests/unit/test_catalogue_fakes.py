import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scanner.model import Digest, ImageReference
from scanner.ports import Catalogue, Sightings
from tests.catalogue_fakes import InMemoryCatalogue, InMemorySightings
from tests.contracts.catalogue_contract import CatalogueContract
from tests.contracts.sightings_contract import SightingsContract
from tests.examples import REGISTRY


class TestInMemoryCatalogue(CatalogueContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._catalogue = InMemoryCatalogue(page_size=2)
        self._numbers = itertools.count()

    def catalogue(self) -> Catalogue:
        """Return the one catalogue of this test."""
        return self._catalogue

    def registry(self) -> str:
        """Return the registry of the examples."""
        return REGISTRY

    def push(self, repository: str, *, tag: str | None = None) -> ImageReference:
        """List a manifest of its own."""
        digest = Digest.of(str(next(self._numbers)).encode())
        image = ImageReference(registry=REGISTRY, repository=repository, digest=digest, tag=tag)
        return self._catalogue.add(image, updated_at=datetime.now(UTC))

    def tag(self, image: ImageReference, tag: str) -> None:
        """List it with that tag, and no other image."""
        listed = self._catalogue.listed[REGISTRY][image.repository]
        for digest, entry in list(listed.items()):
            tags = {*entry.tags, tag} if digest == image.digest else {*entry.tags} - {tag}
            known = replace(entry.image, tag=max(tags, default=None))
            listed[digest] = replace(entry, image=known, tags=tuple(sorted(tags)))

    def delete_repository(self, repository: str) -> None:
        """List it no more."""
        del self._catalogue.listed[REGISTRY][repository]


class TestInMemorySightings(SightingsContract):
    """Likewise."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._sightings = InMemorySightings()

    def sightings(self) -> Sightings:
        """Return the one of this test."""
        return self._sightings

    def registry(self) -> str:
        """Return the registry of the examples."""
        return REGISTRY
