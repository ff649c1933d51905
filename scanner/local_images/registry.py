"""The `Registry` port over what lies on this machine."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from scanner.errors import NoImageError
from scanner.local_images.contents import LocalContents
from scanner.model import Digest, ImageReference, Unexaminable, UnknownReason
from scanner.ports import Layer, PullPlan, Resolved, ResolvedImage
from scanner.registry import Limits
from scanner.registry.blobs import WrongBytesError
from scanner.registry.images import read_plan
from scanner.registry.limits import DISK_RESERVE_BYTES
from scanner.registry.manifests import TooLargeError
from scanner.registry.resolve import Resolver
from scanner.registry.sdk import ManifestNotFoundError
from scanner.registry.verify import Budget, LayerCheck

REGISTRY: Final = "localhost"
"""What stands for a registry in the name of an image that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRegistry:
    """Resolves and unpacks what is in one folder or archive."""

    contents: LocalContents
    limits: Limits = field(default_factory=Limits)

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what a manifest is. Raises NoImageError when a file cannot be read."""
        return Resolver(source=_Source(self.contents), limits=self.limits).resolve(image)

    def plan(self, image: ResolvedImage) -> PullPlan | Unexaminable:
        """Say which layers an image has, or why it cannot be examined."""
        return read_plan(image.manifest, image.config, self.limits)

    def pull(
        self,
        image: ResolvedImage,
        layers: Sequence[Layer],
        *,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        """Unpack layers into files of an empty folder, verifying every byte.

        Raises NoImageError when a file cannot be read, and what `done` raises.
        """
        room = min(
            self.limits.uncompressed_bytes, shutil.disk_usage(into).free - DISK_RESERVE_BYTES
        )
        if room <= 0:
            raise NoImageError(
                f"there is no room in the temporary directory to unpack {image.reference.name}"
            )
        budget = Budget(replace(self.limits, uncompressed_bytes=room))
        for layer in layers:
            path = into / layer.digest.hex
            if fault := self._unpack(layer, path, budget):
                return fault
            done(layer, path)
        return None

    def _unpack(self, layer: Layer, path: Path, budget: Budget) -> Unexaminable | None:
        part = self.contents.blob(layer.digest)
        if part is None:
            return _corrupt("a layer that the manifest names is not there")
        if part.size != layer.size:
            return _corrupt("a layer is of another size than the manifest declares")
        with path.open("xb") as file:
            check = LayerCheck(layer, budget, file)
            for chunk in part.chunks():
                check.feed(chunk)
            if not check.has_right_bytes():
                return _corrupt("a layer has other bytes than its digest names")
            return check.fault()


@dataclass(frozen=True, slots=True)
class _Source:
    """Manifests and configs by their digests, verified."""

    contents: LocalContents

    def manifest(self, digest: Digest, *, limit: int) -> bytes:
        if made := self.contents.made.get(digest):
            return made
        content = self._read(digest, limit)
        if content is None:
            raise ManifestNotFoundError
        if len(content) > limit:
            raise TooLargeError(f"the manifest is larger than {limit} bytes")
        return _verified(content, digest)

    def config(self, digest: Digest, *, size: int) -> bytes:
        content = self._read(digest, size)
        if content is None or len(content) != size:
            raise WrongBytesError("the config is not there, or not of the size that is declared")
        return _verified(content, digest)

    def _read(self, digest: Digest, limit: int) -> bytes | None:
        part = self.contents.blob(digest)
        return part.read(limit) if part else None


def _verified(content: bytes, digest: Digest) -> bytes:
    if hashlib.sha256(content).hexdigest() != digest.hex:
        raise WrongBytesError("a manifest or config has other bytes than its digest names")
    return content


def _corrupt(detail: str) -> Unexaminable:
    return Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail=detail)
