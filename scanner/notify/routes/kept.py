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
_MAXIMUM_FAULT_CHARACTERS: Final = 4_000


class KeptRoutes:
    """The text in container `policies`; its digest, and the fault of a later one, in the table."""

    def __init__(self, blobs: BlobServiceClient, tables: TableServiceClient) -> None:
        self._texts = BlobFolder(blobs.get_container_client(_PLACE))
        self._rows = RowTable(tables.get_table_client(_PLACE))

    def keep(self, text: bytes) -> None:
        """Keep a text in place of the one before, and forget the fault. Raises StoreError.

        An empty text is none; what was kept before stays.
        """
        if not text:
            self._rows.change(_LAST, lambda known: {**known, "fault": ""} if known else None)
            return
        digest = Digest.of(text)
        wanted = {"digest": str(digest), "fault": ""}
        if self._rows.read(_LAST) == wanted:
            return
        self._texts.create(_name(digest), text, content_type="application/yaml")
        self._rows.change(_LAST, lambda _: wanted)

    def note_fault(self, fault: str) -> None:
        """Note why what was written since is not in force. Raises StoreError."""
        noted = fault[:_MAXIMUM_FAULT_CHARACTERS]
        self._rows.change(_LAST, lambda known: {**(known or {"digest": ""}), "fault": noted})

    def fault(self) -> str:
        """Return why what was written since is not in force, or nothing. Raises StoreError."""
        row = self._rows.read(_LAST)
        return str(row.get("fault", "")) if row is not None else ""

    def last(self) -> bytes | None:
        """Return the text that was kept last, or None. Raises StoreError."""
        row = self._rows.read(_LAST)
        if row is None or not row["digest"]:
            return None
        return self._texts.read(_name(Digest(str(row["digest"]))), max_bytes=_MAXIMUM_BYTES)


def _name(digest: Digest) -> str:
    return f"kept/routes-{digest.hex}.yaml"
