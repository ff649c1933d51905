"""Streams in Table Storage, those of one repository beside one another."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Self

from azure.data.tables import TableServiceClient

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import ImageReference, Stream
from scanner.storage import StorageConnection
from scanner.storage.moments import to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.image_row import partition
from scanner.store.stream_rows import read_state, read_voice, write_state, write_voice
from scanner.transitions import StreamState
from scanner.voices import Voice

_VOICE = "told|"
"""Neither tag nor digest can begin so."""


class TableStreams:
    """The StreamStore port on table `streams`. Safe to use from several threads and processes."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._rows = RowTable(tables.get_table_client("streams"))

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build it; nothing is contacted before the first call."""
        return cls(storage.table_service())

    def find(self, stream: Stream) -> StreamState | None:
        """Return what is known of a stream, or None when it was never seen. Raises StoreError."""
        row = self._rows.read(_key(stream))
        return read_state(row) if row is not None else None

    def change(
        self, stream: Stream, decide: Callable[[StreamState | None], StreamState | None]
    ) -> StreamState | None:
        """Replace a state by what `decide` makes of it; None leaves it. Raises StoreError."""

        def decide_on_row(present: Row | None) -> Row | None:
            state = decide(read_state(present) if present is not None else None)
            return write_state(state) if state is not None else None

        row = self._rows.change(_key(stream), decide_on_row)
        return read_state(row) if row is not None else None

    def change_voice(self, image: ImageReference, decide: Callable[[Voice], Voice]) -> Voice:
        """Likewise for what people were told of an image, at first nothing. Raises StoreError."""

        def decide_on_row(present: Row | None) -> Row:
            return write_voice(decide(read_voice(present) if present is not None else Voice()))

        key = RowKey(partition(image.registry, image.repository), f"{_VOICE}{image.digest}")
        row = self._rows.change(key, decide_on_row)
        return read_voice(row) if row is not None else Voice()

    def waking(self, now: datetime) -> Iterator[Stream]:
        """Yield the streams that somebody must look at by now, one page at a time."""
        rows = self._rows.select(
            "wake_at gt @never and wake_at le @now", {"never": "", "now": to_text(now)}
        )
        for key, _ in rows:
            registry, _, path = key.partition.partition("|")
            try:
                yield Stream(registry=registry, repository=path.replace("|", "/"), name=key.row)
            except InvalidMessageError as error:
                raise StoreError(f"streams.read: row {key.row} is not one of ours") from error


def _key(stream: Stream) -> RowKey:
    return RowKey(partition(stream.registry, stream.repository), stream.name)
