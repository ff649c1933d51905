"""The side that has credentials and network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from scanner.model import (
    Digest,
    ImageFacts,
    ImageReference,
    NotApplicable,
    Platform,
    Unexaminable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedImage:
    """One platform's image: a manifest and its config, both verified by digest."""

    reference: ImageReference
    platform: Platform
    manifest: bytes
    config: bytes
    facts: ImageFacts = field(default_factory=ImageFacts)
    """What of the config goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """One platform's manifest in an index, as the index describes it."""

    platform: Platform
    reference: ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedIndex:
    """An index (or Docker manifest list): the images in it, attestations left out."""

    reference: ImageReference
    children: tuple[IndexEntry, ...]


Resolved = ResolvedImage | ResolvedIndex | NotApplicable | Unexaminable


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A blob of an image, and what it must unpack to."""

    digest: Digest
    size: int
    """Bytes, as the manifest declares them."""
    diff_id: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPlan:
    """What an image consists of, each layer once."""

    layers: tuple[Layer, ...]
    diff_ids: tuple[Digest, ...]
    """Bottom first, with repetitions, as the config has them."""


class Registry(Protocol):
    """The side that has credentials and network, and opens no layer."""

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what a manifest is. Raises RegistryError when the registry does not answer."""

    def plan(self, image: ResolvedImage) -> PullPlan | Unexaminable:
        """Say which layers an image has, or why it cannot be examined. Asks nobody."""

    def pull(
        self,
        image: ResolvedImage,
        layers: Sequence[Layer],
        *,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        """Unpack layers into files of an empty folder, verifying every byte.

        `done` is called with each as soon as both its digests are verified, from any thread.
        Returns the image's fault, if it has one. Raises RegistryError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedManifest:
    """A manifest as the registry lists it; what it is, only its bytes can say."""

    image: ImageReference
    """With one of its tags, if it has any."""
    tags: tuple[str, ...]
    """All that name it."""
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPage:
    """Some of a repository's manifests, in the registry's order; `after` resumes behind it."""

    manifests: tuple[ListedManifest, ...]
    after: str


class Catalogue(Protocol):
    """What a registry lists. The iterators ask for the next page only when it is wanted."""

    def repositories(self, registry: str, *, after: str = "") -> Iterator[tuple[str, ...]]:
        """Yield the repositories that come after a name, in pages. Raises RegistryError."""

    def manifests(
        self, registry: str, repository: str, *, after: str = ""
    ) -> Iterator[ManifestPage]:
        """Yield the manifests that come after a digest; none of a repository that is not there.

        Raises RegistryError.
        """

    def has_repository(self, registry: str, repository: str) -> bool:
        """Ask for one repository. False only where the registry itself says that it has none.

        Raises RegistryError for every other answer, a refusal above all.
        """
