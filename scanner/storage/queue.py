"""Sending to a storage queue so that the message is durable when the call returns."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.storage.connection import storage_errors

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

logger = logging.getLogger(__name__)

_NEVER_EXPIRES = -1


@dataclass(frozen=True, slots=True)
class MessageQueue:
    """One queue, created on first use where the deployment has not made it."""

    client: "QueueClient"

    def send(self, message: str, *, delay_seconds: int = 0) -> None:
        """Queue a message, visible after the delay. Raises StoreError unless it is durable."""
        from azure.core.exceptions import (  # noqa: PLC0415  half of what the SDK costs at start
            ResourceNotFoundError,
        )

        with storage_errors(f"{self.client.queue_name}.send"):
            try:
                self._put(message, delay_seconds)
            except ResourceNotFoundError:
                # In Azure the deployment has made the queue; only a fresh machine comes here.
                self._create()
                self._put(message, delay_seconds)

    def depth(self) -> int:
        """Return about how many messages there are, hidden ones included. Raises StoreError."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415  as above

        with storage_errors(f"{self.client.queue_name}.depth"):
            try:
                return self.client.get_queue_properties().approximate_message_count or 0
            except ResourceNotFoundError:
                return 0

    def _put(self, message: str, delay_seconds: int) -> None:
        # The default life of seven days would lose a job whose worker was down for a week.
        self.client.send_message(
            message, visibility_timeout=delay_seconds, time_to_live=_NEVER_EXPIRES
        )

    def _create(self) -> None:
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415  as above

        try:
            self.client.create_queue()
        except ResourceExistsError:
            logger.debug("queue.found name=%s", self.client.queue_name)
