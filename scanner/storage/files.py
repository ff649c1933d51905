"""Blobs that are as large as files, moved piece by piece; each name stands for one content."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from scanner.errors import StoreError
from scanner.storage.connection import storage_errors

_REQUEST_SECONDS = 120
"""For one piece of 4 MiB; the client's own limits are in StorageConnection."""


@dataclass(frozen=True, slots=True)
class FileFolder:
    """One container of such blobs."""

    container: ContainerClient

    def create(self, name: str, path: Path) -> None:
        """Copy a file into a blob unless there is one of that name. Raises StoreError."""
        with storage_errors(f"{self.container.container_name}.write"):
            try:
                self._upload(name, path)
            except ResourceNotFoundError:
                # In Azure the deployment has made it; only a fresh machine comes here.
                with contextlib.suppress(ResourceExistsError):
                    self.container.create_container()
                self._upload(name, path)

    def read(self, name: str, *, size: int) -> Iterator[bytes]:
        """Yield a blob of this very size, in bytes, in pieces of 32 MiB at most.

        Raises StoreError, also where there is none.
        """
        with storage_errors(f"{self.container.container_name}.read"):
            download = self.container.download_blob(name, timeout=_REQUEST_SECONDS)
            if download.size != size:
                raise StoreError(
                    f"{self.container.container_name}.read: {name} has {download.size} bytes,"
                    f" not {size}"
                )
            yield from download.chunks()

    def names(self, *, before: datetime) -> list[str]:
        """Name the blobs that were written before a time. Raises StoreError."""
        with storage_errors(f"{self.container.container_name}.list"):
            try:
                listed = list(self.container.list_blobs())
            except ResourceNotFoundError:
                return []
            return [str(blob.name) for blob in listed if blob.last_modified < before]

    def remove(self, name: str) -> None:
        """Remove a blob if it is there. Raises StoreError."""
        with (
            storage_errors(f"{self.container.container_name}.remove"),
            contextlib.suppress(ResourceNotFoundError),
        ):
            self.container.delete_blob(name)

    def _upload(self, name: str, path: Path) -> None:
        with path.open("rb") as file, contextlib.suppress(ResourceExistsError):
            self.container.upload_blob(
                name, file, length=path.stat().st_size, overwrite=False, timeout=_REQUEST_SECONDS
            )
