"""What the reconciler has seen, and how far it has come."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scanner.model import (
    Digest,
    ImageReference,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A manifest that the registry lists and that has no verdict."""

    image: ImageReference
    first_seen_at: datetime
    last_seen_at: datetime
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the reconciler has come with a registry."""

    registry: str
    pass_began_at: datetime
    run_at: datetime
    after: str = ""
    """The last repository that is done with; empty at the begin of a pass."""
    inside: str = ""
    """The repository that is being listed, if any."""
    manifests_after: str = ""
    """Where to go on in it."""
    pass_ended_at: datetime | None = None
    """When all was last listed."""
    fault: str = ""
    """Why the last run ended early or left something out."""


class Sightings(Protocol):
    """What the reconciler remembers. Everything raises StoreError."""

    def progress(self, registry: str) -> Progress | None:
        """Return how far a registry is, or None when it was never listed."""

    def save_progress(self, progress: Progress) -> None:
        """Remember how far a registry is."""

    def among(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> Mapping[Digest, Sighting]:
        """Return the sightings of these manifests."""

    def save(self, sighting: Sighting) -> None:
        """Remember a sighting, over an earlier one of the same manifest."""

    def remove(self, image: ImageReference) -> None:
        """Forget a manifest; one that is not known is no fault."""

    def note_listed(self, registry: str, repository: str, at: datetime) -> None:
        """Remember when a registry was last heard to name a repository."""

    def listed_at(self, registry: str, repository: str) -> datetime | None:
        """Return when that was, or None."""

    def list_all(self, registry: str | None = None) -> Iterable[Sighting]:
        """Yield what was seen, by registry, repository and digest."""
