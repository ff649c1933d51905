"""Rows of a table, changed only by compare-and-swap."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, UpdateMode

from scanner.errors import StoreError
from scanner.storage.connection import storage_errors

Row = Mapping[str, str | int]
"""Text and integers only: the SDK would return times as a type of its own."""

_MAXIMUM_ATTEMPTS = 24
_LONGEST_PAUSE_SECONDS = 0.25
_ROWS_PER_PAGE = 500
_PROPERTIES_OF_THE_TABLE = {"PartitionKey", "RowKey"}


@dataclass(frozen=True, slots=True)
class RowKey:
    """Where a row stands. Neither part may hold `/`, a backslash, `#` or `?`."""

    partition: str
    row: str


class RowTable:
    """A table of which each row is replaced only by who has seen its present content."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def read(self, key: RowKey) -> Row | None:
        """Return a row, or None when the row or the whole table is not there."""
        with storage_errors(f"{self._client.table_name}.read"):
            found = self._find(key)
        return found[0] if found else None

    def change(self, key: RowKey, decide: Callable[[Row | None], Row | None]) -> Row | None:
        """Replace a row by what `decide` makes of it; None leaves it as it is.

        `decide` is asked again whenever somebody else came between, so it must be pure. Returns
        what then stands in the table. Raises StoreError, also after 24 attempts.
        """
        with storage_errors(f"{self._client.table_name}.change"):
            for attempt in range(_MAXIMUM_ATTEMPTS):
                found = self._find(key)
                present, etag = found or (None, "")
                wanted = decide(present)
                if wanted is None or wanted == present:
                    return present
                if self._swap(key, wanted, etag):
                    return wanted
                # Spread out, or writers that met once meet again.
                pause = min(_LONGEST_PAUSE_SECONDS, 0.005 * 2**attempt)
                time.sleep(random.uniform(0, pause))  # noqa: S311  spreads load, guards nothing
        raise StoreError(f"{self._client.table_name}.change: others kept coming between")

    def remove(self, key: RowKey) -> None:
        """Delete a row, whatever it says; one that is not there is no fault."""
        with storage_errors(f"{self._client.table_name}.remove"):
            self._client.delete_entity(key.partition, key.row)

    def remove_if(self, key: RowKey, is_meant: Callable[[Row], bool]) -> None:
        """Delete a row, if it says what is meant at the moment at which it goes."""
        with storage_errors(f"{self._client.table_name}.remove"):
            while (found := self._find(key)) and is_meant(found[0]):
                with contextlib.suppress(ResourceModifiedError):
                    self._client.delete_entity(
                        key.partition,
                        key.row,
                        etag=found[1],
                        match_condition=MatchConditions.IfNotModified,
                    )
                    return

    def select(self, query: str, parameters: Mapping[str, str]) -> Iterator[tuple[RowKey, Row]]:
        """Yield rows that match an OData filter, in the order of their keys, page by page."""
        return self._select(query, parameters, per_page=_ROWS_PER_PAGE)

    def _select(
        self, query: str, parameters: Mapping[str, str], *, per_page: int
    ) -> Iterator[tuple[RowKey, Row]]:
        with storage_errors(f"{self._client.table_name}.select"):
            try:
                entities = self._client.query_entities(
                    query, parameters=dict(parameters), results_per_page=per_page
                )
                for entity in entities:
                    yield RowKey(entity["PartitionKey"], entity["RowKey"]), _content(entity)
            except ResourceNotFoundError:
                return

    def first(self, query: str, parameters: Mapping[str, str]) -> tuple[RowKey, Row] | None:
        """Return the first row that matches an OData filter, or None."""
        return next(self._select(query, parameters, per_page=1), None)

    def _find(self, key: RowKey) -> tuple[Row, str] | None:
        try:
            entity = self._client.get_entity(key.partition, key.row)
        except ResourceNotFoundError:
            return None
        return _content(entity), str(entity.metadata["etag"])

    def _swap(self, key: RowKey, row: Row, etag: str) -> bool:
        entity = {"PartitionKey": key.partition, "RowKey": key.row, **row}
        try:
            if etag:
                self._client.update_entity(
                    entity,
                    mode=UpdateMode.REPLACE,
                    etag=etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            else:
                self._create(entity)
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return False
        return True

    def _create(self, entity: dict[str, str | int]) -> None:
        try:
            self._client.create_entity(entity)
        except ResourceNotFoundError:
            # Only the table can be missing. In Azure the deployment has made it; a fresh machine
            # comes here once.
            with contextlib.suppress(ResourceExistsError):
                self._client.create_table()
            self._client.create_entity(entity)


def _content(entity: Mapping[str, object]) -> Row:
    return {
        name: value
        for name, value in entity.items()
        if name not in _PROPERTIES_OF_THE_TABLE and isinstance(value, str | int)
    }
