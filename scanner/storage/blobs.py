"""Blobs that are written once and never changed; each name stands for one content."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import ContainerClient, ContentSettings

from scanner.errors import StoreError
from scanner.storage.connection import storage_errors

_UPLOAD_SECONDS = 120
"""The server gives up then; the client's own limits are in StorageConnection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Which state of a blob was seen, and since when it is so."""

    etag: str
    changed_at: datetime


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

    def has(self, name: str) -> bool:
        """Say whether there is such a blob. Raises StoreError."""
        return self.stamp(name) is not None

    def stamp(self, name: str) -> Stamp | None:
        """Return which state a blob is in, or None where there is none. Raises StoreError."""
        with storage_errors(f"{self.container.container_name}.look"):
            try:
                properties = self.container.get_blob_client(name).get_blob_properties()
            except ResourceNotFoundError:
                return None
            return Stamp(etag=properties.etag, changed_at=properties.last_modified)

    def touch(self, name: str) -> bool:
        """Give a blob without metadata a new stamp. Says whether it is there. Raises StoreError."""
        with storage_errors(f"{self.container.container_name}.touch"):
            try:
                self.container.get_blob_client(name).set_blob_metadata({})
            except ResourceNotFoundError:
                return False
        return True

    def remove(self, name: str, *, unchanged_since: Stamp | None = None) -> bool:
        """Delete a blob; one that is gone is no fault. Says whether it was deleted here.

        With a stamp nothing that was changed since is deleted. Raises StoreError.
        """
        with storage_errors(f"{self.container.container_name}.remove"):
            try:
                if unchanged_since is None:
                    self.container.delete_blob(name)
                else:
                    self.container.delete_blob(
                        name,
                        etag=unchanged_since.etag,
                        match_condition=MatchConditions.IfNotModified,
                    )
            except (ResourceModifiedError, ResourceNotFoundError):
                return False
        return True

    def folders(self) -> Iterator[str]:
        """Yield what comes before the first `/` of names, each once. Raises StoreError."""
        with storage_errors(f"{self.container.container_name}.list"):
            try:
                for entry in self.container.walk_blobs(delimiter="/"):
                    folder, slash, _ = entry.name.partition("/")
                    if slash:
                        yield folder
            except ResourceNotFoundError:
                return

    def names(self, folder: str) -> Iterator[str]:
        """Yield the names of the blobs in one of these, page by page. Raises StoreError."""
        with storage_errors(f"{self.container.container_name}.list"):
            try:
                yield from self.container.list_blob_names(name_starts_with=f"{folder}/")
            except ResourceNotFoundError:
                return
