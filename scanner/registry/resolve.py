"""Says what one manifest is."""

from dataclasses import dataclass, replace
from typing import Protocol

from scanner.model import (
    Digest,
    ImageReference,
    NotApplicable,
    NotApplicableReason,
    Platform,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import IndexEntry, Resolved, ResolvedImage, ResolvedIndex
from scanner.registry.artefacts import (
    IMAGE_CONFIGS,
    is_runnable,
    may_be_runnable,
    name_artefact,
)
from scanner.registry.blobs import WrongBytesError
from scanner.registry.configs import parse_config
from scanner.registry.documents import MalformedError
from scanner.registry.facts import read_facts
from scanner.registry.images import plan_pull
from scanner.registry.limits import Limits
from scanner.registry.manifests import (
    INDEXES,
    ArtefactManifest,
    Descriptor,
    ImageManifest,
    Index,
    TooLargeError,
    parse_manifest,
)
from scanner.registry.redirects import RedirectRefusedError
from scanner.registry.sdk import ManifestNotFoundError

_UNNAMED = Platform(os="unknown", architecture="unknown")


class Source(Protocol):
    """Where manifests and configs come from; what it returns has the digest that was asked for."""

    def manifest(self, digest: Digest, *, limit: int) -> bytes:
        """Return a manifest.

        Raises ManifestNotFoundError, TooLargeError, WrongBytesError or RegistryError.
        """

    def config(self, digest: Digest, *, size: int) -> bytes:
        """Return a config of exactly this size.

        Raises WrongBytesError, RedirectRefusedError or RegistryError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Takes manifests and configs from one source, and judges them."""

    source: Source
    limits: Limits

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what an image of the source is. Raises RegistryError."""
        try:
            manifest = self.source.manifest(image.digest, limit=self.limits.manifest_bytes)
            parsed = parse_manifest(manifest, limits=self.limits)
            if isinstance(parsed, Index):
                return self._index(image, parsed)
            return self._image_or_artefact(image, manifest, parsed)
        except ManifestNotFoundError:
            return NotApplicable(
                reason=NotApplicableReason.DELETED, detail="the registry has no such manifest"
            )
        except (MalformedError, WrongBytesError) as error:
            return Unexaminable(reason=UnknownReason.MALFORMED_MANIFEST, detail=str(error))
        except TooLargeError as error:
            return Unexaminable(reason=UnknownReason.TOO_LARGE, detail=str(error))
        except RedirectRefusedError as error:
            return Unexaminable(reason=UnknownReason.REDIRECT, detail=str(error))

    def _image_or_artefact(
        self, image: ImageReference, manifest: bytes, parsed: ImageManifest | ArtefactManifest
    ) -> Resolved:
        if not isinstance(parsed, ImageManifest) or not may_be_runnable(parsed):
            return name_artefact(parsed)
        config = self._fetch_config(parsed)
        says = parse_config(config, limits=self.limits)
        if not is_runnable(
            parsed, names_platform=says.names_platform, has_diff_ids=bool(says.diff_ids)
        ):
            return name_artefact(parsed)
        plan = plan_pull(parsed, says, self.limits)
        if isinstance(plan, Unexaminable):
            return plan
        return ResolvedImage(
            reference=image,
            platform=says.platform,
            manifest=manifest,
            config=config,
            facts=read_facts(parsed, config, limits=self.limits),
        )

    def _fetch_config(self, manifest: ImageManifest) -> bytes:
        if manifest.config.has_urls and manifest.config.media_type in IMAGE_CONFIGS:
            raise MalformedError("manifest.config is kept outside the registry")
        if manifest.config.size > self.limits.config_bytes:
            raise TooLargeError(f"the config is larger than {self.limits.config_bytes} bytes")
        return self.source.config(manifest.config.digest, size=manifest.config.size)

    def _index(self, image: ImageReference, index: Index) -> ResolvedIndex | Unexaminable:
        children = self._flatten(index, seen={image.digest}, depth=1)
        if not children:
            return Unexaminable(
                reason=UnknownReason.EMPTY_IMAGE, detail="the index names no platform's image"
            )
        entries = tuple(
            IndexEntry(
                platform=child.platform or _UNNAMED,
                reference=replace(image, digest=child.digest, tag=None),
            )
            for child in children
        )
        return ResolvedIndex(reference=image, children=entries)

    def _flatten(self, index: Index, *, seen: set[Digest], depth: int) -> list[Descriptor]:
        found: list[Descriptor] = []
        for child in index.manifests:
            if child.digest in seen:
                continue
            seen.add(child.digest)
            if len(seen) > self.limits.children + 1:
                raise TooLargeError(f"the index names more than {self.limits.children} manifests")
            if child.media_type not in INDEXES:
                found.append(child)
                continue
            if depth >= self.limits.index_depth:
                raise TooLargeError(f"indexes are nested deeper than {self.limits.index_depth}")
            found += self._flatten(self._inner_index(child.digest), seen=seen, depth=depth + 1)
        return found

    def _inner_index(self, digest: Digest) -> Index:
        try:
            inner = parse_manifest(
                self.source.manifest(digest, limit=self.limits.manifest_bytes), limits=self.limits
            )
        except ManifestNotFoundError as error:
            # Not `deleted`: the index itself is there, and its other images may be run.
            raise MalformedError("the index names an index that the registry has not") from error
        if not isinstance(inner, Index):
            raise MalformedError("the index calls an index what is none")
        return inner
