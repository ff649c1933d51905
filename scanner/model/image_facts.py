"""What an image's config says of it, as far as a verdict can rest on it."""

from dataclasses import dataclass
from datetime import datetime

from scanner.model.findings import Weakness
from scanner.model.reference import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """Read by the side that pulls, from the verified config (OCI image spec 1.1, config).

    The config itself goes no further: environment, history and labels can hold secrets.
    """

    user: str = ""
    """As whom it runs; empty is root."""
    created_at: datetime | None = None
    """What the builder wrote; reproducible builds write 1970."""
    base_name: str = ""
    """Annotation or label `org.opencontainers.image.base.name`, unproved."""
    base_digest: Digest | None = None
    """Likewise `org.opencontainers.image.base.digest`."""
    weaknesses: tuple[Weakness, ...] = ()
    """Misconfigurations, worst first."""
