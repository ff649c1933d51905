"""Queue messages that nobody could read, kept so that somebody can look at them."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from scanner.ports import HeldMessage
from scanner.storage import StorageConnection, storage_errors
from scanner.storage.blobs import BlobFolder

_CONTAINER = "unreadable-messages"
_MAX_WHY_CHARACTERS = 200
_SECONDS = 30
_MAX_READ_BYTES = 64 * 1024
"""No queue message is larger."""


@dataclass(frozen=True, slots=True)
class UnreadableMessages:
    """One blob a message, named by the sha256 of its bytes, with the fault as metadata."""

    container: ContainerClient

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the store; nothing is contacted before the first message."""
        return cls(storage.blob_service().get_container_client(_CONTAINER))

    def save(self, untrusted_message: bytes, *, why: str) -> None:
        """Keep a message; the same one is kept once. Raises StoreError."""
        # Metadata travels in headers: printable ASCII only.
        fault = why.encode("ascii", "backslashreplace").decode()[:_MAX_WHY_CHARACTERS]
        BlobFolder(self.container).create(
            hashlib.sha256(untrusted_message).hexdigest(),
            untrusted_message,
            content_type="application/octet-stream",
            metadata={"why": fault},
        )

    def look(self) -> Iterator[HeldMessage]:
        """Yield what is kept, page by page. Raises StoreError."""
        with storage_errors("unreadable.list"):
            try:
                for blob in self.container.list_blobs(include=["metadata"]):
                    metadata = blob.metadata or {}
                    yield HeldMessage(
                        id=blob.name,
                        untrusted_body=self._read(blob.name),
                        since=blob.last_modified,
                        why=str(metadata.get("why", "")),
                    )
            except ResourceNotFoundError:
                return

    def take(self) -> Iterator[HeldMessage]:
        """Yield what is kept; nothing is hidden."""
        return self.look()

    def remove(self, message: HeldMessage) -> None:
        """Delete a message; one that is gone is no fault. Raises StoreError."""
        with storage_errors("unreadable.delete"), suppress(ResourceNotFoundError):
            self.container.delete_blob(message.id, timeout=_SECONDS)

    def depth(self) -> int:
        """Count the messages. Raises StoreError."""
        with storage_errors("unreadable.list"):
            try:
                return sum(1 for _ in self.container.list_blob_names())
            except ResourceNotFoundError:
                return 0

    def _read(self, name: str) -> bytes:
        try:
            download = self.container.download_blob(
                name, offset=0, length=_MAX_READ_BYTES, timeout=_SECONDS
            )
            return bytes(download.readall())
        except HttpResponseError as error:
            # An empty blob has no first byte (416), and one may be deleted while this lists.
            if error.status_code in {404, 416}:
                return b""
            raise
