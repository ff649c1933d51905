"""Azure Storage as the adapters use it. Importing this loads no SDK: the webhook path is short."""

from scanner.storage.connection import StorageConnection, storage_errors

__all__ = ["StorageConnection", "storage_errors"]
