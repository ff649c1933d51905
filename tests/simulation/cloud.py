"""Azure Storage in memory, as far as the real adapters use its clients: each request is a step."""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from tests.simulation.containers import Container
from tests.simulation.perils import Clock, Perils, lost_answer

Entity = dict[str, Any]
_Test = Callable[[Mapping[str, Any], Mapping[str, str]], bool]
_TOKEN = re.compile(r"[()]|[^\s()]+")
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "ge": lambda left, right: left >= right,
    "gt": lambda left, right: left > right,
    "le": lambda left, right: left <= right,
    "lt": lambda left, right: left < right,
}


class StoredEntity(Entity):
    """A row as it was read, with its version."""

    metadata: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Table:
    """A table client and its table."""

    table_name: str
    perils: Perils
    partitions: dict[str, dict[str, tuple[int, Entity]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _versions: Iterator[int] = field(default_factory=itertools.count)

    def get_entity(self, partition: str, row: str) -> StoredEntity:
        """Return a row."""
        with self._step("get"):
            found = self.partitions.get(partition, {}).get(row)
            if found is None:
                raise ResourceNotFoundError("no such row")
            entity = StoredEntity(found[1])
            entity.metadata = {"etag": str(found[0])}
            return entity

    def create_entity(self, entity: Entity) -> None:
        """Add a row that is not there."""
        with self._step("create"):
            rows = self.partitions[entity["PartitionKey"]]
            if entity["RowKey"] in rows:
                raise ResourceExistsError("there is such a row")
            rows[entity["RowKey"]] = next(self._versions), dict(entity)

    def update_entity(
        self, entity: Entity, *, mode: object, etag: str, match_condition: object
    ) -> None:
        """Replace a row that nobody has changed since."""
        del mode, match_condition
        with self._step("update"):
            rows = self.partitions[entity["PartitionKey"]]
            present = rows.get(entity["RowKey"])
            if present is None:
                raise ResourceNotFoundError("no such row")
            if str(present[0]) != etag:
                raise ResourceModifiedError("somebody came between")
            rows[entity["RowKey"]] = next(self._versions), dict(entity)

    def delete_entity(
        self, partition: str, row: str, *, etag: str = "", match_condition: object = None
    ) -> None:
        """Remove a row, which nobody has changed since where an etag is given."""
        del match_condition
        with self._step("delete"):
            present = self.partitions[partition].get(row)
            if present is not None and etag and str(present[0]) != etag:
                raise ResourceModifiedError("somebody came between")
            self.partitions[partition].pop(row, None)

    def query_entities(
        self, query: str, *, parameters: dict[str, str], results_per_page: int
    ) -> Iterator[Entity]:
        """Yield the rows that meet a filter, in the order of their keys."""
        for partition in self._wanted(query, parameters):
            for page in _pages(sorted(self.partitions[partition]), results_per_page):
                with self._step("query"):
                    rows = self.partitions[partition]
                    entities = [rows[name][1] for name in page if name in rows]
                yield from (one for one in entities if _parsed(query)(one, parameters))

    def _wanted(self, query: str, parameters: dict[str, str]) -> list[str]:
        if query.startswith("PartitionKey eq @partition"):
            return [name for name in [parameters["partition"]] if name in self.partitions]
        # No filter that we write reaches behind the partition that it names.
        return sorted(name for name in self.partitions if name >= parameters.get("partition", ""))

    def rows(self) -> Iterator[Entity]:
        """Yield all rows, for who looks at the end."""
        for partition in sorted(self.partitions):
            yield from (entity for _, entity in self.partitions[partition].values())

    def _step(self, what: str) -> Any:  # noqa: ANN401  contextlib's own type is private
        return self.perils.step(f"tables.{self.table_name}.{what}", lost_answer)


def _pages(names: list[str], size: int) -> Iterator[list[str]]:
    yield from (names[begin : begin + size] for begin in range(0, len(names) or 1, size))


@cache
def _parsed(query: str) -> _Test:
    tokens = _TOKEN.findall(query)
    if not tokens:
        return lambda _row, _parameters: True
    test = _either(tokens)
    if tokens:
        raise ValueError(f"not understood: {tokens}")
    return test


def _either(tokens: list[str]) -> _Test:
    tests = [_both(tokens)]
    while tokens[:1] == ["or"]:
        tokens.pop(0)
        tests.append(_both(tokens))
    return lambda row, parameters: any(test(row, parameters) for test in tests)


def _both(tokens: list[str]) -> _Test:
    tests = [_one(tokens)]
    while tokens[:1] == ["and"]:
        tokens.pop(0)
        tests.append(_one(tokens))
    return lambda row, parameters: all(test(row, parameters) for test in tests)


def _one(tokens: list[str]) -> _Test:
    name = tokens.pop(0)
    if name == "(":
        test = _either(tokens)
        tokens.pop(0)
        return test
    compare, parameter = _OPERATORS[tokens.pop(0)], tokens.pop(0).removeprefix("@")
    return lambda row, parameters: compare(row[name], parameters[parameter])


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message of a queue."""

    body: str
    visible_at: datetime
    count: int = 0


@dataclass(frozen=True, slots=True)
class QueueProperties:
    """What a queue says of itself."""

    approximate_message_count: int


@dataclass(slots=True, kw_only=True)
class Queue:
    """A queue client and its queue: at least once, in any order, hidden while somebody works."""

    queue_name: str
    perils: Perils
    clock: Clock
    messages: list[Message] = field(default_factory=list)

    def send_message(self, body: str, *, visibility_timeout: int, time_to_live: int) -> None:
        """Add a message."""
        del time_to_live
        with self.perils.step(f"queues.{self.queue_name}.send", lost_answer):
            visible_at = self.clock.moment + timedelta(seconds=visibility_timeout)
            self.messages.append(Message(body=body, visible_at=visible_at))

    def get_queue_properties(self) -> QueueProperties:
        """Count the messages."""
        with self.perils.step(f"queues.{self.queue_name}.count", lost_answer):
            return QueueProperties(len(self.messages))

    def visible(self) -> list[Message]:
        """Return what can be received now."""
        return [one for one in self.messages if one.visible_at <= self.clock.moment]


@dataclass(slots=True, kw_only=True)
class Cloud:
    """The three services."""

    perils: Perils
    clock: Clock
    tables: dict[str, Table] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)

    def get_table_client(self, name: str) -> Table:
        """Return a table; it is made at the first call."""
        return self.tables.setdefault(name, Table(table_name=name, perils=self.perils))

    def get_container_client(self, name: str) -> Container:
        """Return a container; it is made at the first call."""
        return self.containers.setdefault(
            name, Container(container_name=name, perils=self.perils, clock=self.clock)
        )

    def queue(self, name: str) -> Queue:
        """Return a queue; it is made at the first call."""
        queue = Queue(queue_name=name, perils=self.perils, clock=self.clock)
        return self.queues.setdefault(name, queue)
