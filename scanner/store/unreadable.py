"""Queue messages that nobody could read, kept so that somebody can look at them."""

import hashlib
from dataclasses import dataclass
from typing import Self

from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder

_CONTAINER = "unreadable-messages"
_MAX_WHY_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class UnreadableMessages:
    """One blob a message, named by the sha256 of its bytes, with the fault as metadata."""

    messages: BlobFolder

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the store; nothing is contacted before the first message."""
        return cls(BlobFolder(storage.blob_service().get_container_client(_CONTAINER)))

    def save(self, untrusted_message: bytes, *, why: str) -> None:
        """Keep a message; the same one is kept once. Raises StoreError."""
        # Metadata travels in headers: printable ASCII only.
        fault = why.encode("ascii", "backslashreplace").decode()[:_MAX_WHY_CHARACTERS]
        self.messages.create(
            hashlib.sha256(untrusted_message).hexdigest(),
            untrusted_message,
            content_type="application/octet-stream",
            metadata={"why": fault},
        )
