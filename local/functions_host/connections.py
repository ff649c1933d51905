"""From the `connection` of a binding to a queue client.

A connection names a setting, or a group of settings for an identity: "Tutorial: Use
identity-based connections instead of secrets with triggers and bindings", Microsoft Learn.
"""

from typing import TYPE_CHECKING, Any, Final

from azure.storage.queue import LinearRetry, QueueServiceClient

from local.functions_host.errors import ConfigurationError
from local.functions_host.settings import setting
from local.storage import ACCOUNT, PUBLIC_KEY

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_DEFAULT_CONNECTION: Final = "Storage"
_DEVELOPMENT_STORAGE: Final = (
    f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={PUBLIC_KEY};"
    f"QueueEndpoint=http://127.0.0.1:10001/{ACCOUNT};"
)
# One storage call: well under the lease, so that a renewal that hangs can be tried again.
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 20


def queue_service(connection: str) -> QueueServiceClient:
    """Build the client for a binding's connection: setting X, or AzureWebJobsX, or a group X__*.

    Raises:
        ConfigurationError: No such setting.
    """
    name = connection or _DEFAULT_CONNECTION
    for prefix in (name, f"AzureWebJobs{name}"):
        if text := setting(prefix):
            if text.strip().rstrip(";").casefold() == "usedevelopmentstorage=true":
                text = _DEVELOPMENT_STORAGE
            return QueueServiceClient.from_connection_string(text, **_patience())
        if url := _group_url(prefix):
            return QueueServiceClient(url, credential=_group_credential(prefix), **_patience())
    raise ConfigurationError(
        f"connection {connection!r}: set {name}, AzureWebJobs{name}, "
        f"{name}__accountName or {name}__queueServiceUri"
    )


def _patience() -> dict[str, Any]:
    return {
        "connection_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retry_policy": LinearRetry(backoff=1, retry_total=2),
    }


def _group_url(prefix: str) -> str:
    if url := setting(f"{prefix}__queueServiceUri") or setting(f"{prefix}__serviceUri"):
        return url
    account = setting(f"{prefix}__accountName")
    return f"https://{account}.queue.core.windows.net" if account else ""


def _group_credential(prefix: str) -> "TokenCredential":
    from azure.identity import (  # noqa: PLC0415 - slow to import, and only identities need it
        DefaultAzureCredential,
        ManagedIdentityCredential,
    )

    if setting(f"{prefix}__credential").casefold() != "managedidentity":
        return DefaultAzureCredential()
    return ManagedIdentityCredential(client_id=setting(f"{prefix}__clientId") or None)
