"""Queue messages that nobody could read, kept so that somebody can look at them."""

import hashlib
from dataclasses import dataclass
from typing import Self

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from scanner.storage import StorageConnection, storage_errors

_CONTAINER = "unreadable-messages"
_MAX_WHY_CHARACTERS = 200
_SECONDS = 30


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
        with storage_errors("unreadable.write"):
            try:
                self._upload(untrusted_message, why)
            except ResourceNotFoundError:
                self.container.create_container(timeout=_SECONDS)
                self._upload(untrusted_message, why)

    def _upload(self, untrusted_message: bytes, why: str) -> None:
        name = hashlib.sha256(untrusted_message).hexdigest()
        # Metadata travels in headers: printable ASCII only.
        fault = why.encode("ascii", "backslashreplace").decode()[:_MAX_WHY_CHARACTERS]
        try:
            self.container.upload_blob(
                name, untrusted_message, metadata={"why": fault}, timeout=_SECONDS
            )
        except ResourceExistsError:
            return
