"""What was stored of other images, by what an image may have in common with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scanner.model import Digest, ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBase:
    """An image that makes up the bottom of another."""

    image: ImageReference
    """With the tag that it was first seen with, if it had one."""
    layers: int
    """How many it has."""


class Ancestors(Protocol):
    """Images that were examined, and what tags have named. Everything raises StoreError."""

    def base_of(self, image: ImageReference, layers: Sequence[Digest]) -> KnownBase | None:
        """Return the largest image of the registry of which these are more than all layers.

        Of another repository: what has the same name is an earlier build, and no base.
        """

    def named_before(self, image: ImageReference) -> Digest | None:
        """Return what the image's tag named before it; None where it has none, or named nothing."""
