"""Blobs that are written once and never changed; each name stands for one content."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from scanner.errors import StoreError
from scanner.storage.connection import storage_errors

_UPLOAD_SECONDS = 120
"""The server gives up then; the client's own limits are in StorageConnection."""


@dataclass(frozen=True, slots=True)
class BlobFolder:
    """One container of such blobs."""

    container: ContainerClient

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return a blob, or None where there is none.

        Raises StoreError, also for a longer blob and for an empty one.
        """
        with storage_errors(f"{self.container.container_name}.read"):
            try:
                # One byte more than allowed is enough to know.
                download = self.container.download_blob(name, offset=0, length=max_bytes + 1)
            except ResourceNotFoundError:
                return None
            if download.size > max_bytes:
                folder = self.container.container_name
                raise StoreError(f"{folder}.read: {name} is larger than {max_bytes} bytes")
            return download.readall()

    def create(
        self,
        name: str,
        content: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> bool:
        """Write a blob unless it is there. Says whether it was written. Raises StoreError."""

        def upload() -> None:
            self.container.upload_blob(
                name,
                content,
                overwrite=False,
                content_settings=ContentSettings(content_type=content_type),
                metadata=dict(metadata or {}),
                timeout=_UPLOAD_SECONDS,
            )

        with storage_errors(f"{self.container.container_name}.write"):
            try:
                try:
                    upload()
                except ResourceNotFoundError:
                    # In Azure the deployment has made it; only a fresh machine comes here.
                    with contextlib.suppress(ResourceExistsError):
                        self.container.create_container()
                    upload()
            except ResourceExistsError:
                return False
        return True
