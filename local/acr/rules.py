"""What the stand-in permits, how long its tokens last, and where it listens."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Permissions and lifetimes. The defaults are what ACR documents or has been recorded doing."""

    anonymous_pull: bool = False
    identity_may_write: bool = False
    """Whether the managed identity has more than AcrPull: push, delete, change metadata."""
    identity_may_delete: bool = True
    """Of one that may write; AcrPush alone does not let delete."""
    has_referrers: bool = True
    """Registries with a customer-managed key have no referrers API."""
    access_token_lifetime: timedelta = timedelta(minutes=75)
    refresh_token_lifetime: timedelta = timedelta(hours=3)
    aad_token_lifetime: timedelta = timedelta(hours=24)
    link_lifetime: timedelta = timedelta(minutes=20)
    """How long the storage link of a blob is valid (its SAS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports on 127.0.0.1; 0 takes a free one."""

    registry: int = 0
    storage: int = 0
    identity: int = 0
