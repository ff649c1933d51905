"""Where an image comes from, as far as the registry's past tells."""

from dataclasses import dataclass

from scanner.model.reference import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a finding's origin rests on; of the occasion, because it follows from what was stored.

    All of it is empty where nothing is known: then an origin is unknown, never guessed.
    """

    base_name: str = ""
    """Registry and repository of the image that this one was built on, with its tag if it had one.
    """
    base_digest: Digest | None = None
    base_layers: int = 0
    """How many of the bottom layers are the base's, each the same; 0 where it is not known."""
    previous: Digest | None = None
    """What the tag named before, if that was judged."""
