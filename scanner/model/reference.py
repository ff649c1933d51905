"""What is pushed: digests, references, platforms, jobs (grammar: OCI distribution spec 1.1)."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from scanner.errors import InvalidMessageError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# OCI distribution spec 1.1, "Pulling manifests": <name> and <reference>.
_REPOSITORY = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_HOST = re.compile(
    r"(?!.*\.\.)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
    r"(?::[1-9][0-9]{0,4})?"
)
MAX_REPOSITORY_CHARACTERS = 255
_MAX_HOST_CHARACTERS = 255
_MAX_PORT = 65535


def is_host(text: str) -> bool:
    """Whether a text is a DNS name, perhaps with a port, as a login server is written."""
    port = text.partition(":")[2] or "443"
    return (
        len(text) <= _MAX_HOST_CHARACTERS and bool(_HOST.fullmatch(text)) and int(port) <= _MAX_PORT
    )


def _require(pattern: re.Pattern[str], text: str, field_name: str, limit: int) -> None:
    # fullmatch, because `$` accepts a final newline; the length first, because it is cheap.
    if len(text) > limit or not pattern.fullmatch(text):
        raise InvalidMessageError("is not valid by the OCI grammar", field=field_name)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A sha256 digest as `sha256:<64 hex digits>`; other algorithms are refused."""

    value: str

    def __post_init__(self) -> None:
        _require(_DIGEST, self.value, "digest", 71)

    def __str__(self) -> str:
        return self.value

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the digest of bytes at hand."""
        return cls(f"sha256:{hashlib.sha256(content).hexdigest()}")

    @property
    def hex(self) -> str:
        """The 64 hex digits alone, which are safe as a file name."""
        return self.value.removeprefix("sha256:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What an image runs on, as an index names it (OCI image spec, image-index)."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """A manifest in a registry of ours. The tag is what people call it; it is never pulled."""

    registry: str
    repository: str
    digest: Digest
    tag: str | None = None

    def __post_init__(self) -> None:
        if not is_host(self.registry):
            raise InvalidMessageError("is not a host name", field="registry")
        _require(_REPOSITORY, self.repository, "repository", MAX_REPOSITORY_CHARACTERS)
        if self.tag is not None:
            _require(_TAG, self.tag, "tag", 128)

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}@{self.digest}"

    @property
    def name(self) -> str:
        """What a person calls it: by tag where there is one, by digest where not."""
        return f"{self.registry}/{self.repository}:{self.tag}" if self.tag else str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What was deleted: a manifest, else whatever a tag named, else a whole repository."""

    registry: str
    repository: str
    digest: Digest | None = None
    tag: str | None = None

    def __post_init__(self) -> None:
        # The same grammar: only the digest may be missing.
        ImageReference(
            registry=self.registry,
            repository=self.repository,
            digest=self.digest or Digest.of(b""),
            tag=self.tag,
        )

    def __str__(self) -> str:
        digest = f"@{self.digest}" if self.digest else ""
        tag = f":{self.tag}" if self.tag and not self.digest else ""
        return f"{self.registry}/{self.repository}{digest}{tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanJob:
    """One request to judge one manifest. Its id follows from the image, so duplicates share it."""

    id: str
    image: ImageReference
    requested_at: datetime
    """When the image was pushed, as the registry says; never in the future."""
    not_before: datetime | None = None
    """Set to ask for another look: a verdict that was reached earlier does not answer this job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireJob:
    """One request to see whether manifests are gone, and to retire those that are."""

    id: str
    deletion: Deletion
    requested_at: datetime
    """When it was deleted, as the registry says; never in the future."""


Job = ScanJob | RetireJob
