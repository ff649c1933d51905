"""The settings for storage.

`PUSHSCAN_STORAGE` is a Functions connection by string or by account name, since the host reads the
same variables for its triggers (Azure Functions docs, "Identity-based connections").
"""

import re
from dataclasses import dataclass, field

from scanner.environment import Environment

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONNECTION_STRING = re.compile(r"UseDevelopmentStorage=true|(?:.*;)?AccountName=[^;]+;.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Where queues, blobs and tables are: a connection string, or URIs and an identity."""

    connection_string: str | None = field(repr=False)
    queue_uri: str
    blob_uri: str
    table_uri: str
    client_id: str | None
    """Client id of a user-assigned identity; None means the one that the host has."""
    in_azure: bool
    """Whether the host offers managed identities (App Service and Container Apps both say so)."""


def read(environment: Environment) -> StorageSettings:
    """Read where storage is; faults are noted in the environment."""
    connection_string = environment.optional("PUSHSCAN_STORAGE")
    account = environment.optional("PUSHSCAN_STORAGE__accountName")
    if connection_string and not _CONNECTION_STRING.fullmatch(connection_string):
        environment.fault("PUSHSCAN_STORAGE", "is not a connection string")
    if connection_string and account:
        environment.fault("PUSHSCAN_STORAGE", "contradicts PUSHSCAN_STORAGE__accountName")
    if not connection_string and not account:
        environment.fault("PUSHSCAN_STORAGE", "or PUSHSCAN_STORAGE__accountName is missing")
    if account and not _ACCOUNT.fullmatch(account):
        environment.fault("PUSHSCAN_STORAGE__accountName", "is not a storage account's name")
    # The Functions host takes a user-assigned identity only with both (its issue 10089).
    credential = environment.optional("PUSHSCAN_STORAGE__credential")
    if credential not in {None, "managedidentity"}:
        environment.fault("PUSHSCAN_STORAGE__credential", "is not managedidentity")
    if environment.optional("PUSHSCAN_STORAGE__clientId") and credential is None:
        environment.fault("PUSHSCAN_STORAGE__clientId", "needs PUSHSCAN_STORAGE__credential")
    return StorageSettings(
        connection_string=connection_string,
        queue_uri=f"https://{account}.queue.core.windows.net",
        blob_uri=f"https://{account}.blob.core.windows.net",
        table_uri=f"https://{account}.table.core.windows.net",
        client_id=environment.optional("PUSHSCAN_STORAGE__clientId"),
        in_azure=environment.optional("IDENTITY_ENDPOINT") is not None,
    )
