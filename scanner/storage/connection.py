"""How to reach Azure Storage, and clients that never wait for ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanner.errors import StoreError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.data.tables import TableServiceClient
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueClient

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
_RETRIES = 2
_QUEUE_SECONDS = 2
"""ACR waits 5 s for the webhook's answer: two tries of 2 s fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageConnection:
    """A connection string, or the URI of each service with an identity; never both.

    The three methods build a new client each; keep it for the life of the process.
    """

    connection_string: str = field(default="", repr=False)
    blob_uri: str = ""
    queue_uri: str = ""
    table_uri: str = ""
    credential: "TokenCredential | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        by_identity = all((self.blob_uri, self.queue_uri, self.table_uri, self.credential))
        if bool(self.connection_string) == by_identity:
            raise ValueError("give a connection string, or three URIs and a credential")

    def blob_service(self) -> "BlobServiceClient":
        """Build a blob client: 5 s to connect, 20 s between bytes, two retries after 0 to 2 s."""
        from azure.storage.blob import (  # noqa: PLC0415  half a second that the webhook does not have
            BlobServiceClient,
            LinearRetry,
        )

        options: dict[str, Any] = {
            "connection_timeout": _CONNECT_SECONDS,
            "read_timeout": _READ_SECONDS,
            "retry_policy": LinearRetry(backoff=1, retry_total=_RETRIES, random_jitter_range=1),
        }
        if self.connection_string:
            return BlobServiceClient.from_connection_string(self.connection_string, **options)
        return BlobServiceClient(self.blob_uri, credential=self.credential, **options)

    def table_service(self) -> "TableServiceClient":
        """Build a table client: 5 s to connect, 20 s between bytes, two retries."""
        from azure.data.tables import (  # noqa: PLC0415  the webhook needs no table
            TableServiceClient,
        )

        options: dict[str, Any] = {
            "connection_timeout": _CONNECT_SECONDS,
            "read_timeout": _READ_SECONDS,
            "retry_total": _RETRIES,
            "retry_backoff_factor": 0.5,
        }
        if self.connection_string:
            return TableServiceClient.from_connection_string(self.connection_string, **options)
        if self.credential is None:
            raise ValueError("a table URI needs a credential")
        return TableServiceClient(self.table_uri, credential=self.credential, **options)

    def queue(self, name: str) -> "QueueClient":
        """Build a client of one queue: 2 s to connect and between bytes, one retry at once."""
        from azure.storage.queue import (  # noqa: PLC0415  only who sends pays for it
            LinearRetry,
            QueueClient,
        )

        options: dict[str, Any] = {
            "connection_timeout": _QUEUE_SECONDS,
            "read_timeout": _QUEUE_SECONDS,
            "retry_policy": LinearRetry(backoff=0, retry_total=1, random_jitter_range=0),
        }
        if self.connection_string:
            return QueueClient.from_connection_string(self.connection_string, name, **options)
        return QueueClient(self.queue_uri, name, credential=self.credential, **options)


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what the SDKs raise into StoreError; `doing` says what failed, as in `report.write`.

    The SDKs' own messages hold URLs, and a URL may hold a signature: only the code is told.
    """
    from azure.core.exceptions import AzureError  # noqa: PLC0415  loaded by then, if it can raise

    try:
        yield
    except AzureError as error:
        code = getattr(error, "error_code", None) or getattr(error, "status_code", None) or ""
        raise StoreError(f"{doing}: {type(error).__name__} {code}".rstrip()) from error
