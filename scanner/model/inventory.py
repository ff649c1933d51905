"""What one layer holds, found out once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scanner.layers import Entry
from scanner.model.findings import PassedOver, Weakness
from scanner.model.reference import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerInventory:
    """What the scanner found in one layer, whatever image it is part of.

    It follows from the layer's contents and from the scanner alone: no advisory is in it, and
    nothing of the image that brought the layer first.
    """

    diff_id: Digest
    key: str
    """Under what the scanner looks for the record in its cache: `sha256:` and 64 hex digits."""
    untrusted_record: bytes = field(repr=False)
    """The scanner's own record, JSON; it came out of a sandbox with a stranger's layer in it."""
    unexamined: tuple[str, ...]
    """What the scanner passed over because it could not read it; escaped."""
    secrets: tuple[Weakness, ...] = ()
    """Where they lie in the layer, worst first; whether a layer above deletes them or not."""
    entries: Sequence[Entry] = field(repr=False)
    """The layer's archive, header by header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredImage:
    """An image by what its layers hold."""

    layers: Sequence[LayerInventory]
    """Bottom first, as the image's config has them."""
    passed_over: PassedOver | None = None
    """As it was found out before, if it was."""
