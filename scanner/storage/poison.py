"""Messages that a queue's function gave up, as somebody looks at them by hand."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from scanner.ports import HeldMessage
from scanner.storage.connection import storage_errors
from scanner.storage.queue import MessageQueue

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient, QueueMessage

_MOST_PEEKED = 32
"""What the service gives at once ("Peek Messages", Azure Storage REST API)."""
_HIDDEN_SECONDS = 60


class PoisonQueue:
    """The HeldMessages port on a storage queue."""

    def __init__(self, client: "QueueClient") -> None:
        self._client = client
        self._receipts: dict[str, str] = {}

    def look(self) -> list[HeldMessage]:
        """Return the first 32 messages without touching them. Raises StoreError."""
        with storage_errors(f"{self._client.queue_name}.peek"):
            try:
                return [_held(one) for one in self._client.peek_messages(_MOST_PEEKED)]
            except ResourceNotFoundError:
                return []

    def take(self) -> Iterator[HeldMessage]:
        """Yield every message; each is hidden for a minute, and back then unless removed."""
        self._receipts.clear()
        while batch := self._receive():
            for message in batch:
                # Here again after its minute: the round is complete.
                if message.id in self._receipts:
                    return
                self._receipts[message.id] = message.pop_receipt or ""
                yield _held(message)

    def remove(self, message: HeldMessage) -> None:
        """Delete a message that was taken; one that is gone is no fault. Raises StoreError."""
        with storage_errors(f"{self._client.queue_name}.delete"), suppress(ResourceNotFoundError):
            self._client.delete_message(message.id, self._receipts[message.id])

    def depth(self) -> int:
        """Return about how many messages there are, hidden ones included. Raises StoreError."""
        return MessageQueue(self._client).depth()

    def _receive(self) -> list["QueueMessage"]:
        with storage_errors(f"{self._client.queue_name}.receive"):
            try:
                pages = self._client.receive_messages(
                    messages_per_page=_MOST_PEEKED,
                    max_messages=_MOST_PEEKED,
                    visibility_timeout=_HIDDEN_SECONDS,
                )
                return list(pages)
            except ResourceNotFoundError:
                return []


def _held(message: "QueueMessage") -> HeldMessage:
    return HeldMessage(
        id=message.id,
        untrusted_body=str(message.content).encode(),
        since=message.inserted_on or datetime.fromtimestamp(0, UTC),
    )
