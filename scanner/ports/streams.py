"""What is known of each stream, and what has been told of each image."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from scanner.model import ImageReference, Stream
from scanner.transitions import StreamState
from scanner.voices import Voice


class StreamStore(Protocol):
    """States and voices, changed by compare-and-swap."""

    def find(self, stream: Stream) -> StreamState | None:
        """Return what is known of a stream, or None when it was never seen. Raises StoreError."""

    def change(
        self, stream: Stream, decide: Callable[[StreamState | None], StreamState | None]
    ) -> StreamState | None:
        """Replace a state by what `decide` makes of it; None leaves it. Raises StoreError.

        `decide` is pure: it is asked again when somebody else came between. Returns the state
        that stands afterwards.
        """

    def change_voice(self, image: ImageReference, decide: Callable[[Voice], Voice]) -> Voice:
        """Likewise for what people were told of an image, at first nothing. Raises StoreError."""

    def waking(self, now: datetime) -> Iterable[Stream]:
        """Yield the streams that somebody must look at by now, one page at a time."""
