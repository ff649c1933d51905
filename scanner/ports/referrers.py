"""What is attached to images in their registry (OCI distribution spec 1.1, "Listing Referrers")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from scanner.model import Digest, ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A manifest as others point to it."""

    media_type: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """A manifest that says it is about another; by whom it was pushed, nobody knows."""

    digest: Digest
    artifact_type: str
    untrusted_annotations: Mapping[str, str]


class Referrers(Protocol):
    """The side that may write to a registry. Everything raises RegistryError."""

    def describe(self, image: ImageReference) -> Described | None:
        """Describe a manifest, or return None where the registry no longer has it."""

    def attached(self, image: ImageReference) -> tuple[Referrer, ...] | None:
        """List what refers to a manifest; None where the registry cannot tell."""

    def push(self, image: ImageReference, manifest: bytes, blobs: Sequence[bytes]) -> None:
        """Push a manifest into the image's repository, after its blobs. Safe to repeat."""

    def remove(self, image: ImageReference, digest: Digest) -> bool:
        """Remove a manifest from the image's repository; False where we may not.

        One that is gone already counts as removed.
        """
