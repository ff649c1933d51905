"""A token of the managed identity, as a header."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError

from scanner.errors import NoticeError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


def bearer(credential: "TokenCredential", scope: str, *, route: str) -> Mapping[str, str]:
    """Return the header. Raises NoticeError when there is no token to be had."""
    try:
        return {"authorization": f"Bearer {credential.get_token(scope).token}"}
    except AzureError as error:
        raise NoticeError(f"route {route}: no token ({type(error).__name__})") from None
