"""The last routes that could be read, kept for who starts while the file is broken.

The file names secrets and holds none, so it may lie beside the policies.
"""

from typing import Final

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner.model import Digest
from scanner.storage.blobs import BlobFolder
from scanner.storage.rows import RowKey, RowTable

_PLACE: Final = "policies"
_LAST: Final = RowKey("routes", "in-force")
_MAXIMUM_BYTES: Final = 256 * 1024


class KeptRoutes:
    """The text in container `policies`, its digest in the table of that name."""

    def __init__(self, blobs: BlobServiceClient, tables: TableServiceClient) -> None:
        self._texts = BlobFolder(blobs.get_container_client(_PLACE))
        self._rows = RowTable(tables.get_table_client(_PLACE))

    def keep(self, text: bytes) -> None:
        """Keep a text in place of the one before; an empty one is none. Raises StoreError."""
        if not text:
            return
        digest = Digest.of(text)
        self._texts.create(_name(digest), text, content_type="application/yaml")
        self._rows.change(_LAST, lambda _: {"digest": str(digest)})

    def last(self) -> bytes | None:
        """Return the text that was kept last, or None. Raises StoreError."""
        row = self._rows.read(_LAST)
        if row is None:
            return None
        return self._texts.read(_name(Digest(str(row["digest"]))), max_bytes=_MAXIMUM_BYTES)


def _name(digest: Digest) -> str:
    return f"kept/routes-{digest.hex}.yaml"
