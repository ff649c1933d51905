"""One received message and the lease on it; renewing changes the pop receipt, which is kept here.

The calls are the storage SDK's and block; a lease lost to another receiver is logged, not raised.
"""

import logging

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

logger = logging.getLogger(__name__)


class Lease:
    """The right to work on a message until it runs out."""

    def __init__(self, queue: QueueClient, message: QueueMessage, *, seconds: int) -> None:
        """Hold a message just received with a visibility of `seconds`."""
        self.message = message
        self._queue = queue
        self._seconds = seconds
        self._pop_receipt = message.pop_receipt

    def renew(self) -> None:
        """Hide the message for another full lease."""
        self._update("renewed", self._seconds)

    def release(self, delay_seconds: float) -> None:
        """Let the message be received again after a delay."""
        self._update("released", round(delay_seconds))

    def delete(self) -> None:
        """Take the message off the queue."""
        try:
            self._queue.delete_message(self.message, pop_receipt=self._pop_receipt)
        except AzureError as error:
            self._tell_lost("delete", error)

    def move_to(self, poison: QueueClient) -> None:
        """Copy the message to its poison queue, made if need be, and take it off this one.

        Raises:
            AzureError: The copy could not be made; the message stays where it is.
        """
        send_to(poison, self.message.content)
        logger.error(
            "message.poisoned queue=%s message=%s dequeue_count=%s",
            self._queue.queue_name,
            self.message.id,
            self.message.dequeue_count,
        )
        self.delete()

    def _update(self, event: str, visibility_seconds: int) -> None:
        try:
            updated = self._queue.update_message(
                self.message,
                pop_receipt=self._pop_receipt,
                visibility_timeout=visibility_seconds,
            )
        except AzureError as error:
            self._tell_lost(event, error)
            return
        self._pop_receipt = updated.pop_receipt
        logger.info(
            "lease.%s queue=%s message=%s seconds=%d",
            event,
            self._queue.queue_name,
            self.message.id,
            visibility_seconds,
        )

    def _tell_lost(self, attempted: str, error: AzureError) -> None:
        logger.warning(
            "lease.lost queue=%s message=%s attempted=%s error=%s",
            self._queue.queue_name,
            self.message.id,
            attempted,
            getattr(error, "error_code", type(error).__name__),
        )


def send_to(queue: QueueClient, text: str) -> None:
    """Send a message, making the queue if it is not there.

    Raises:
        AzureError: Storage is out of reach or refuses.
    """
    try:
        queue.send_message(text)
    except ResourceNotFoundError:
        queue.create_queue()
        queue.send_message(text)
