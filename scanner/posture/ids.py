"""Azure's ids of what is assessed; to check one takes no SDK and no network."""

import re
from typing import Final

_REGISTRY: Final = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w().-]{1,90}"
    r"/providers/Microsoft\.ContainerRegistry/registries/[a-z0-9-]{5,80}",
    re.IGNORECASE,
)
_SUBSCRIPTION: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_registry_id(text: str) -> bool:
    """Whether this is the resource id of a registry."""
    return bool(_REGISTRY.fullmatch(text))


def is_subscription_id(text: str) -> bool:
    """Whether this is a subscription's id."""
    return bool(_SUBSCRIPTION.fullmatch(text))


def parse_registry_ids(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of resource ids of registries. Raises ValueError."""
    found = tuple(filter(None, map(str.strip, text.split(","))))
    if not all(map(is_registry_id, found)):
        raise ValueError(text)
    return found
