"""Azure Container Registry behind the `Registry` port."""

import logging
import shutil
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from azure.core.credentials import TokenCredential

from scanner.advisory_ports import RegistryAccess
from scanner.errors import RegistryError, RegistryNotOursError
from scanner.model import Digest, ImageReference, Unexaminable, UnknownReason
from scanner.ports import Layer, PullPlan, Resolved, ResolvedImage
from scanner.registry.blobs import BlobReader
from scanner.registry.connections import BLOBS_AT_ONCE
from scanner.registry.images import read_plan
from scanner.registry.limits import DISK_RESERVE_BYTES, Limits
from scanner.registry.redirects import (
    RedirectRefusedError,
    RedirectRules,
    ResolveHost,
    addresses_of,
)
from scanner.registry.resolve import Resolver
from scanner.registry.retries import Timing
from scanner.registry.session import Session
from scanner.registry.source import RegistrySource
from scanner.registry.tags import digest_of_tag
from scanner.registry.tokens import TokenCache
from scanner.registry.verify import Budget

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrRegistry:
    """Resolves and pulls from the registries of the settings, and dials no other.

    Safe to share between threads. Tokens are kept from job to job; connections are not.
    """

    credential: TokenCredential = field(repr=False)
    registries: frozenset[str]
    """Canonical login servers, `host` or `host:port`."""
    ca_file: Path | None = None
    """Trusted instead of the system's authorities; for a local registry."""
    blob_hosts: frozenset[str] = frozenset()
    """Hosts, `host` or `host:port`, that blobs may be redirected to, beside the registry's own."""
    limits: Limits = field(default_factory=Limits)
    resolve_deadline_seconds: float = 60.0
    deadline_seconds: float = 300.0
    """For a whole pull."""
    timing: Timing = field(default_factory=Timing)
    resolve_host: ResolveHost = addresses_of
    _tokens: TokenCache = field(init=False, repr=False)
    _tls: ssl.SSLContext = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # How a frozen dataclass fills its own fields (dataclasses documentation).
        tokens = TokenCache(credential=self.credential, now=self.timing.now)
        object.__setattr__(self, "_tokens", tokens)
        object.__setattr__(self, "_tls", ssl.create_default_context(cafile=self.ca_file))

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what a manifest is.

        Raises RegistryError when the registry does not answer or refuses us, and
        RegistryNotOursError, without dialling, for a registry that is not in the settings.
        """
        with self._session(image, self.resolve_deadline_seconds) as session:
            source = RegistrySource(
                session=session, credential=self.credential, blobs=self._blob_reader(session)
            )
            resolved = Resolver(source=source, limits=self.limits).resolve(image)
        logger.info("manifest.resolved image=%s as=%s", image, type(resolved).__name__)
        return resolved

    def digest_of(self, registry: str, repository: str, tag: str) -> Digest | None:
        """Return what a tag names right now, or None where there is no such tag.

        Raises as `resolve` does, and InvalidMessageError for what is no tag of a repository.
        """
        named = ImageReference(
            registry=registry, repository=repository, tag=tag, digest=Digest.of(b"")
        )
        with self._session(named, self.resolve_deadline_seconds) as session:
            return digest_of_tag(session, tag, limit=self.limits.manifest_bytes)

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

        Raises RegistryError and RegistryNotOursError as `resolve` does, and what `done` raises.
        What was not given to `done` is to be thrown away.
        """
        with self._session(image.reference, self.deadline_seconds) as session:
            fault = self._pull_layers(layers, self._blob_reader(session), into, done)
        if fault:
            logger.info("image.not_pulled image=%s reason=%s", image.reference, fault.reason)
        else:
            logger.info("image.pulled image=%s layers=%d", image.reference, len(layers))
        return fault

    def access(self, reference: str) -> RegistryAccess | None:
        """Give access to `host/repository:tag`; None where the host is not one of the settings.

        Raises RegistryError.
        """
        host, _, place = reference.partition("/")
        if host not in self.registries:
            return None
        repository = place.partition("@")[0].partition(":")[0]
        # Only the name counts: a token is for a repository.
        named = ImageReference(registry=host, repository=repository, digest=Digest.of(b""))
        with self._session(named, self.resolve_deadline_seconds) as session:
            return RegistryAccess(token=session.token(), ca_file=self.ca_file)

    def _pull_layers(
        self,
        layers: Sequence[Layer],
        blobs: BlobReader,
        into: Path,
        done: Callable[[Layer, Path], None],
    ) -> Unexaminable | None:
        # An image may be small and unpack to more than there is room for.
        free_bytes = shutil.disk_usage(into).free
        room = min(self.limits.uncompressed_bytes, free_bytes - DISK_RESERVE_BYTES)
        if room <= 0:
            # Whoever filled the disk, it was not this image.
            raise RegistryError("There is no room in the temporary directory to pull an image.")
        budget = Budget(replace(self.limits, uncompressed_bytes=room))

        def pull(layer: Layer) -> Unexaminable | None:
            path = into / layer.digest.hex
            try:
                fault = blobs.fetch_layer(layer, to=path, budget=budget)
            except RedirectRefusedError as error:
                return Unexaminable(reason=UnknownReason.REDIRECT, detail=str(error))
            if fault is None:
                done(layer, path)
            return fault

        with ExitStack() as cleanup:
            threads = ThreadPoolExecutor(BLOBS_AT_ONCE, thread_name_prefix="pull")
            cleanup.callback(threads.shutdown, cancel_futures=True)
            # Runs first: after a fault nobody waits for the other layers.
            cleanup.callback(blobs.session.abandon)
            for fault in threads.map(pull, layers):
                if fault:
                    return fault
        return None

    def _blob_reader(self, session: Session) -> BlobReader:
        rules = RedirectRules(
            registry=session.image.registry,
            blob_hosts=self.blob_hosts,
            resolve_host=self.resolve_host,
        )
        return BlobReader(session=session, rules=rules)

    def _session(self, image: ImageReference, seconds: float) -> Session:
        if image.registry not in self.registries:
            raise RegistryNotOursError(f"{image.registry} is not one of the configured registries.")
        return Session(
            image=image,
            tokens=self._tokens,
            tls=self._tls,
            deadline=self.timing.deadline(seconds),
            timing=self.timing,
        )
