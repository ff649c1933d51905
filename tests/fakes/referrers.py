"""A registry that referrers can be attached in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from scanner.errors import RegistryError
from scanner.model import Digest, ImageReference
from scanner.ports import Described, Referrer


@dataclass(kw_only=True)
class InMemoryReferrers:
    """The `Referrers` port; manifests by digest, as they were pushed."""

    images: dict[Digest, bytes] = field(default_factory=dict)
    """Manifests that something may be attached to."""
    pushed: dict[Digest, bytes] = field(default_factory=dict)
    blobs: set[Digest] = field(default_factory=set)
    has_referrers: bool = True
    may_delete: bool = True
    calls_until_outage: int | None = None
    """After so many calls every further one fails."""
    writes: list[str] = field(default_factory=list)

    def describe(self, image: ImageReference) -> Described | None:
        """Describe a manifest."""
        self._count()
        manifest = self.images.get(image.digest)
        if manifest is None:
            return None
        return Described(
            media_type=json.loads(manifest)["mediaType"], digest=image.digest, size=len(manifest)
        )

    def attached(self, image: ImageReference) -> tuple[Referrer, ...] | None:
        """List what says that it is about the manifest."""
        self._count()
        if not self.has_referrers:
            return None
        parsed = {digest: json.loads(manifest) for digest, manifest in self.pushed.items()}
        return tuple(
            Referrer(
                digest=digest,
                artifact_type=manifest["artifactType"],
                untrusted_annotations=manifest.get("annotations", {}),
            )
            for digest, manifest in parsed.items()
            if manifest["subject"]["digest"] == str(image.digest)
        )

    def push(self, image: ImageReference, manifest: bytes, blobs: Sequence[bytes]) -> None:
        """Keep a manifest whose blobs are there."""
        del image
        for blob in blobs:
            self._count()
            self.blobs.add(Digest.of(blob))
        self._count()
        self.pushed[Digest.of(manifest)] = manifest
        self.writes.append("push")
        self._count()

    def remove(self, image: ImageReference, digest: Digest) -> bool:
        """Forget a manifest."""
        del image
        self._count()
        if not self.may_delete:
            return False
        self.pushed.pop(digest, None)
        self.writes.append("remove")
        return True

    def _count(self) -> None:
        if self.calls_until_outage is not None:
            self.calls_until_outage -= 1
            if self.calls_until_outage < 0:
                raise RegistryError("out of reach")
