"""Assessments in storage: one blob a registry and day, and `last.json` for the newest.

The dated blob is written first, so the newest is always kept under its date too; writing the same
day again replaces it.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Final, Self

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from scanner.errors import StoreError
from scanner.posture.assessment import Assessment
from scanner.posture.assessment_json import MAX_BYTES, decode, encode
from scanner.storage import StorageConnection, storage_errors

_CONTAINER: Final = "posture"
_LAST: Final = "last.json"
_REGISTRY: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,98}")
_SECONDS: Final = 60


class PostureArchive:
    """Blobs `{registry}/{yyyy-mm-dd}.json` and `{registry}/last.json`."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the archive; nothing is contacted before the first call."""
        return cls(storage.blob_service().get_container_client(_CONTAINER))

    def save(self, assessment: Assessment) -> None:
        """Keep an assessment. Raises StoreError."""
        folder = assessment.registry.lower()
        if not _REGISTRY.fullmatch(folder):
            raise StoreError("posture.write: the registry's name is no name for a blob")
        document = encode(assessment)
        if len(document) > MAX_BYTES:
            raise StoreError(f"posture.write: {folder} is larger than {MAX_BYTES} bytes")
        with storage_errors("posture.write"):
            self._upload(f"{folder}/{assessment.assessed_at:%Y-%m-%d}.json", document)
            self._upload(f"{folder}/{_LAST}", document)

    def list_last(self) -> Iterator[Assessment]:
        """Yield the newest assessment of each registry, by name. Raises StoreError."""
        with storage_errors("posture.read"):
            try:
                for folder in self._container.walk_blobs(delimiter="/"):
                    if document := self._download(f"{folder.name}{_LAST}"):
                        yield decode(document)
            except ResourceNotFoundError:
                # Nothing was ever kept.
                return

    def _download(self, name: str) -> bytes | None:
        try:
            download = self._container.download_blob(name, offset=0, length=MAX_BYTES + 1)
        except ResourceNotFoundError:
            return None
        return download.readall()

    def _upload(self, name: str, document: bytes) -> None:
        def create() -> None:
            self._container.upload_blob(
                name,
                document,
                overwrite=True,
                content_settings=ContentSettings(content_type="application/json"),
                timeout=_SECONDS,
            )

        try:
            create()
        except ResourceNotFoundError:
            # In Azure the deployment has made the container; only a fresh machine comes here.
            with contextlib.suppress(ResourceExistsError):
                self._container.create_container()
            create()
